"""The other peers: a follower of an event store, jobs in PostgreSQL, an outbox."""

from __future__ import annotations

import time

from benchmarks import peer
from benchmarks.flowdeck import WORKER_PROCESSES, running
from benchmarks.peer import PYTHON
from benchmarks.stand import Numbers, Stand

_PATIENCE = 90  # seconds
_SPAN = """
SELECT extract(epoch FROM max(at) FILTER (WHERE type = 'succeeded')
  - min(at) FILTER (WHERE type = 'started'))::float8
FROM procrastinate_events
"""
_LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


def eventsourcing(stand: Stand) -> Numbers:
    """One event per transaction, followed in one process (the library knows no more)."""
    count = stand.amount(1_000)
    with peer.database(stand.servers, "peer_sourced") as database:
        sent = peer.step(stand.servers, "sourced", "send", count, database=database)
        followed = peer.step(stand.servers, "sourced", "follow", count, database=database)
        return {**sent, **followed}


def procrastinate(stand: Stand) -> Numbers:
    """No-op jobs, deferred one per transaction; as many worker processes as ours."""
    count = stand.amount(1_000)
    with peer.database(stand.servers, "peer_jobs") as database:
        sent = peer.step(stand.servers, "jobs", "send", count, database=database)
        command = [
            str(PYTHON),
            "-m",
            "procrastinate",
            "--app=benchmarks.peers.jobs.app",
            "worker",
            "--concurrency=10",
        ]
        environment = peer.environment(stand.servers, database)
        assert WORKER_PROCESSES == 2
        with running(command, environment), running(command, environment):
            deadline = time.monotonic() + _PATIENCE
            while peer.rows(database, _LEFT)[0][0]:
                if time.monotonic() > deadline:
                    raise SystemExit("procrastinate was not done in time.")
                time.sleep(0.1)
            return {"procrastinate": count / peer.rows(database, _SPAN)[0][0], **sent}


def celery_outbox(stand: Stand) -> Numbers:
    """django-celery-outbox: rows of the transaction, its relay, Celery with no-op tasks."""
    count = stand.amount(1_000)
    with peer.database(stand.servers, "peer_outbox") as database:
        stand.servers.forget_messages()
        peer.step(stand.servers, "outbox", "prepare", database=database)
        sent = peer.step(stand.servers, "outbox", "send", count, database=database)
        relay = [str(PYTHON), "-m", "benchmarks.peers.outbox", "relay"]
        with (
            peer.celery_working(stand.servers, "outbox", database),
            running(relay, peer.environment(stand.servers, database)),
        ):
            return {"celery_outbox": count / peer.wait_marks(stand.servers), **sent}
