"""``make bench-time``: what waits. Calls that overlap, beside bare Celery; timers by the 100,000;
a tenant with very much to do beside others.

PostgreSQL syncs to disk; each side has two worker processes. ``--share 0.1`` takes a tenth of
everything. The figures are left in ``benchmarks/time.json``, with what each has to be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks import fill, goals, peer, provider
from benchmarks.fill import Fill
from benchmarks.flowdeck import WORKER_PROCESSES, Database, running, working
from benchmarks.servers import started
from benchmarks.stand import Numbers, Stand
from tests.polling import eventually
from tests.site import free_port

RESULTS = Path(__file__).with_name("time.json")
GOALS = {
    "overlap_s": "<= 3",
    "overlap_vs_celery": ">= 15",
    "timers_idle_worker_cpu": "<= 2",
    "timers_idle_db_cpu": "<= 2",
    "timers_late_p99_ms": "<= 1000",
    "timers_early": "<= 0",
    "timers_twice": "<= 0",
    "timers_fired_per_s": ">= 5000",
    "fair_ratio": "<= 1.2",
}
"""Figures, and what each has to be."""
_PATIENCE = 180.0
_RATE, _KILL_EVERY = 300, 0.4
_ALIVE = "SELECT count(*) FROM flowdeck_worker"
_STARTING = 5.0  # seconds from a child's first sign of life to its parent's loop
_COUNT = "SELECT count(*) FROM flowdeck_event WHERE type = 'Answered'"
_SPAN = """
SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) FROM flowdeck_event
WHERE type = 'Answered'
"""
_LATE = """
SELECT count(*), count(DISTINCT id),
  count(*) FILTER (WHERE recorded_at < occurred_at),
  1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - occurred_at))
FROM flowdeck_event WHERE type = 'Answered'
"""


_NINE = """
SELECT count(*), extract(epoch FROM max(d.finished_at) - min(d.started_at))
FROM flowdeck_done d JOIN flowdeck_event e ON e.position = d.position
WHERE d.processor = 'bench.tenants' AND e.data ->> 'tenant' <> 'hog'
"""


def main(arguments: list[str]) -> int:
    """Measure, keep, print."""
    parser = argparse.ArgumentParser(prog="make bench-time", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--only", choices=[one.__name__ for one in SIDES])
    options = parser.parse_args(arguments)
    figures: Numbers = {}
    with started() as servers:
        stand = Stand(servers)
        for side in SIDES:
            if options.only in (None, side.__name__):
                figures |= side(stand, options.share)
    RESULTS.write_text(json.dumps({"share": options.share, **figures}, indent=2) + "\n")
    asked = {name: goal for name, goal in GOALS.items() if name in figures}
    for name, goal in asked.items():
        print(goals.line(name, figures[name], goal))
    return int(not all(goals.met(goal, figures[name]) for name, goal in asked.items()))


def overlap(stand: Stand, share: float) -> Numbers:
    """Deliveries that each call a server which answers after 100 ms; the same as Celery tasks."""
    count, port = int(1_000 * share), free_port()
    os.environ["BENCH_PROVIDER"] = str(port)
    peer.install()
    with ExitStack() as stack:
        serving = [sys.executable, "-m", "benchmarks.provider", str(port)]
        stack.enter_context(running(serving, dict(os.environ)))
        provider.wait_until_there()
        database = stack.enter_context(stand.postgresql.copied())
        Fill("Called", "bench.call", count).into(database)
        fill.settle_statistics(database)
        with working(database) as since:
            ours = database.wait_drained(since, _PATIENCE)
        assert ours.count == count
        stand.servers.forget_messages()
        peer.step(stand.servers, "bare", "send_calls", count)
        with peer.celery_working(stand.servers, "bare"):
            theirs = peer.wait_marks(stand.servers, within=count)
    return {
        "overlap_s": ours.seconds,
        "celery_calls_s": theirs,
        "overlap_vs_celery": theirs / ours.seconds,
    }


def idle_timers(stand: Stand, share: float) -> Numbers:
    """What workers and PostgreSQL spend, in percent of a core, while timers are open."""
    with stand.postgresql.copied() as database:
        database.work("set_timers", int(100_000 * share), 86_400)
        fill.settle_statistics(database)
        with working(database):
            time.sleep(10 * max(share, 0.5))
            workers, servers = _workers(), _servers()
            before = _spent(workers), _spent(servers)
            seconds = max(5.0, 20 * share)
            time.sleep(seconds)
            spent = _spent(workers) - before[0], _spent(servers) - before[1]
    return {
        "timers_idle_worker_cpu": 100 * spent[0] / seconds / max(1, len(workers)),
        "timers_idle_db_cpu": 100 * spent[1] / seconds,
    }


def killed_timers(stand: Stand, share: float) -> Numbers:
    """300 due a second, while a worker process is killed every 0.4 s."""
    seconds = max(4, int(20 * share))
    with stand.postgresql.copied() as database, working(database), working(database):
        _wait_at_work(database, 2 * WORKER_PROCESSES)
        database.work("set_timers_evenly", _RATE, seconds, 3)
        end = time.monotonic() + seconds + 3
        while time.monotonic() < end:
            time.sleep(_KILL_EVERY)
            children = [one for one in _workers() if _is_child(one)]
            if children:
                random.choice(children).send_signal(signal.SIGKILL)
        _wait_events(database, _RATE * seconds)
        [(count, distinct, early, late)] = database.rows(_LATE)
    return {
        "timers_late_p99_ms": float(late),
        "timers_early": early,
        "timers_twice": count - distinct + max(0, count - _RATE * seconds),
    }


def burst_of_timers(stand: Stand, share: float) -> Numbers:
    """All due at once: events a second, from the first to the last that came into the log."""
    count = int(100_000 * share)
    with stand.postgresql.copied() as database:
        due = time.time() + 20 + 60 * share
        database.work("set_timers_at", count, due)
        fill.settle_statistics(database)
        with working(database):
            time.sleep(max(0.0, due - time.time()))
            _wait_events(database, count)
            [(seconds,)] = database.rows(_SPAN)
            return {"timers_fired_per_s": count / max(float(seconds), 0.001)}


def fair(stand: Stand, share: float) -> Numbers:
    """Nine tenants of a processor that is limited for each apart: alone, and beside a tenant that
    has 20,000 events ahead of theirs."""
    of_each = max(20, int(60 * share))
    alone = _nine(stand, of_each, 0)
    beside = _nine(stand, of_each, int(20_000 * share))
    return {"tenants_alone_s": alone, "tenants_beside_hog_s": beside, "fair_ratio": beside / alone}


def _nine(stand: Stand, of_each: int, of_hog: int) -> float:
    with stand.postgresql.copied() as database:
        database.work("publish_tenants", of_each, of_hog)
        fill.settle_statistics(database)
        with working(database):
            eventually(
                lambda: database.rows(_NINE)[0][0] == 9 * of_each, within=_PATIENCE, every=0.05
            )
        [(_, seconds)] = database.rows(_NINE)
    return float(seconds)


def _wait_at_work(database: Database, processes: int) -> None:
    """Until all children are there, and their parents are past the moment at which Celery takes the
    death of a child for a worker that can't start, and ends."""
    eventually(lambda: database.rows(_ALIVE)[0][0] >= processes, within=_PATIENCE, every=0.2)
    time.sleep(_STARTING)


def _wait_events(database: Database, count: int) -> None:
    def came() -> bool:
        if not _workers():
            raise SystemExit("No worker is left to do it: see their output.")
        return bool(database.rows(_COUNT)[0][0] >= count)

    eventually(came, within=_PATIENCE, every=0.05)


def _workers() -> list[psutil.Process]:
    """Our worker processes: the parents, and the children that do the work."""
    return [one for one in psutil.process_iter(["cmdline"]) if _is_ours(one)]


def _is_ours(one: psutil.Process) -> bool:
    ours = "eda_site.run.worker" in (one.info["cmdline"] or [])
    return ours and os.getpid() in {above.pid for above in one.parents()}


def _is_child(one: psutil.Process) -> bool:
    return "eda_site.run.worker" in one.parent().cmdline()


def _servers() -> list[psutil.Process]:
    """PostgreSQL's processes; others at work on this machine must have none of that name."""
    return [one for one in psutil.process_iter(["name"]) if one.info["name"] == "postgres"]


def _spent(processes: list[psutil.Process]) -> float:
    seconds = 0.0
    for one in processes:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds += times.user + times.system
    return seconds


SIDES: tuple[Callable[[Stand, float], Numbers], ...] = (
    overlap,
    idle_timers,
    killed_timers,
    burst_of_timers,
    fair,
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
