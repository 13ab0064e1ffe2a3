"""``make bench-letters``: 100,000 dead letters in 50 groups, and how the pages and actions bear it.

On PostgreSQL, with the web process and two worker processes as they are run in production. Prints
the first byte of each page (p95 of 40), how long retrying everything takes, and what a stop in the
middle leaves, and whether the goals are met. ``--count`` takes another number of letters. The
figures are left in ``benchmarks/letters.json``.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import fill, flowdeck, servers
from benchmarks.fill import Fill
from benchmarks.flowdeck import Database, Template

GROUPS = 50
PAGES = {
    "console": "/dead-letters/",
    "console by processor": "/dead-letters/?by=processor",
    "console by type": "/dead-letters/?by=type",
    "console by stream": "/dead-letters/?by=stream",
    "one group": "/dead-letters/?fingerprint=group-7",
    "one processor": "/dead-letters/?by=processor&processor=bench.noop",
    "a search": "/dead-letters/?search=provider",
    "admin list": "/admin/flowdeck/delivery/?state=dead",
    "admin list, all": "/admin/flowdeck/delivery/",
}
GOALS = {
    "console_p95_ms": 150,
    "admin_list_p95_ms": 200,
    "retry_all_s": 60,
    "stop_ms": 1000,
    "stop_miscounted": 0,
    "asked_after_stop": 0,
    "dead_after_retry_all": 0,
}
"""Figures, and how much each may be."""
RESULTS = Path(__file__).with_name("letters.json")
_ASKED = 40
# An eighth of the letters came back after a retry; they died over the last two days.
_DIE = """
UPDATE flowdeck_due SET state = 'dead', attempts = 5, letter = nextval('flowdeck_letter'),
  fingerprint = 'group-' || position %% {groups}, retried = (position %% 8 = 0)::int,
  started_at = clock_timestamp() - interval '3 s' - random() * interval '2 days',
  finished_at = clock_timestamp() - random() * interval '2 days'
WHERE processor = 'bench.noop'
"""
_FIRST_ONES = """ AND position IN (SELECT position FROM flowdeck_event
  WHERE stream LIKE 'letter-%%' AND sequence = 1)
""".replace("%%", "%")
_ATTEMPTS = """
INSERT INTO flowdeck_attempt (position, processor, number, outcome, error, message, traceback,
  frame, fingerprint, worker, started_at, finished_at)
SELECT position, processor, 5, 'failed', 'ProviderError' || fingerprint,
  'The provider did not answer within 1.0 s',
  repeat(md5(position::text), 50), 'processors/gateway.py:64 in charge', fingerprint, 'bench-1',
  started_at, finished_at
FROM flowdeck_due WHERE state = 'dead'
"""


def main(arguments: list[str]) -> int:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(prog="make bench-letters", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--pages", action="store_true", help="the pages only")
    options = parser.parse_args(arguments)
    with servers.started() as running:
        template = Template(running, "postgresql").prepared()
        with template.copied() as database:
            seed(database, options.count)
            figures = {"letters": options.count, **_measure(database, options.pages)}
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    return _told(figures)


def _told(figures: dict[str, float]) -> int:
    """Print what the goals are and whether they are met; return the exit code."""
    measured = {name: most for name, most in GOALS.items() if name in figures}
    for name, most in measured.items():
        print(
            f"{name:<24}{figures[name]:>8,.0f} of at most {most:>5,}  "
            f"{'yes' if figures[name] <= most else 'NO'}"
        )
    return int(any(figures[name] > most for name, most in measured.items()))


def seed(database: Database, count: int) -> None:
    """So many dead letters, each behind a stream of its own; a fifth hold something back."""
    Fill("Pinged", "bench.noop", count, streams=count, prefix="letter").into(database)
    with psycopg.connect(database.url) as connection:
        connection.execute(_DIE.format(groups=GROUPS).replace("%%", "%"))
        connection.execute(_ATTEMPTS)
    waiting = count // 5
    with psycopg.connect(database.url) as connection:
        connection.execute(_WAITING, [waiting])
        connection.execute(
            "INSERT INTO flowdeck_due (position, processor, key, slot) "
            "SELECT position, 'bench.noop', key, crc32(convert_to(key, 'UTF8')) % 1024 "
            "FROM flowdeck_event WHERE sequence = 2 AND stream LIKE 'letter-%'"
        )
        connection.execute(
            "UPDATE flowdeck_stream SET head = 2 WHERE name IN "
            "(SELECT stream FROM flowdeck_event WHERE sequence = 2)"
        )
    fill.settle_statistics(database)


_WAITING = """
INSERT INTO flowdeck_event (id, stream, sequence, type, version, data, metadata, key,
  correlation_id, causation_id, producer, occurred_at, recorded_at)
SELECT uuidv7(), 'letter-' || n, 2, 'Pinged', 1, jsonb_build_object('n', n), '{}', 'letter-' || n,
  uuidv7(), NULL, 'bench', clock_timestamp(), clock_timestamp()
FROM generate_series(1, %s - 1) AS n
"""


def _measure(database: Database, pages_only: bool) -> dict[str, float]:
    os.environ.update(database.environment(), FLOWDECK_DEMO="1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = [
        sys.executable,
        "-m",
        "uvicorn",
        "eda_site.asgi:application",
        "--port",
        str(port),
        "--lifespan",
        "off",
        "--no-access-log",
    ]
    with flowdeck.running(web, dict(os.environ)):
        figures = _pages(port, _session())
        if not pages_only:
            figures |= _retry_and_stop(database)
            # As many as at first: those that were retried die again.
            with psycopg.connect(database.url) as connection:
                connection.execute(_DIE.format(groups=GROUPS).replace("%%", "%") + _FIRST_ONES)
            figures |= _retry_all(database)
    return figures


def _session() -> str:
    import django

    django.setup()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    user = User.objects.get(username="operator")
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def _pages(port: int, session: str) -> dict[str, float]:
    figures = {}
    _until_it_answers(port)
    print(f"{'first byte':<24}{'p50':>10}{'p95':>10}")
    for name, path in PAGES.items():
        times = [_first_byte(port, path, session) for _ in range(_ASKED + 3)][3:]
        p95 = statistics.quantiles(times, n=20)[-1]
        print(f"{name:<24}{statistics.median(times):>7.0f} ms{p95:>7.0f} ms", flush=True)
        figures[f"{name.replace(', ', '_').replace(' ', '_')}_p95_ms"] = p95
    return figures


def _first_byte(port: int, path: str, session: str) -> float:
    """Milliseconds until the answer begins. Raises SystemExit unless it is a page."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers={"Cookie": f"sessionid={session}"})
    answer = connection.getresponse()
    took = time.perf_counter() - began
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}.")
    return took * 1000


def _until_it_answers(port: int) -> None:
    for _ in range(200):
        try:
            _first_byte(port, "/accounts/login/", "")
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The web process did not start; see var/benchmarks/output.log.")


def _retry_and_stop(database: Database) -> dict[str, float]:
    """Ask for everything, stop in the middle: the counts must agree."""
    from flowdeck.letters import bulk
    from flowdeck.letters.dead_letters import Criteria

    with flowdeck.working(database):
        row = bulk.ask("retry", Criteria(), by="operator")
        _wait(row, lambda: row.asked > row.total // 10)
        began = time.perf_counter()
        bulk.cancel(row.pk, by="operator")
        row.refresh_from_db()
        stopped = time.perf_counter() - began
        asked = row.asked
        _drained()
        row.refresh_from_db()
    left = _dead()
    print(
        f"stop: {stopped * 1000:.0f} ms after {asked:,} of {row.total:,}; asked for then "
        f"{row.asked - asked:,} more; dead now {left:,} "
        f"({'exact' if left == row.total - row.asked else 'WRONG'})",
        flush=True,
    )
    return {
        "stop_ms": stopped * 1000,
        "asked_after_stop": row.asked - asked,
        "stop_miscounted": abs(left - (row.total - row.asked)),
    }


def _retry_all(database: Database) -> dict[str, float]:
    """All that is left, until every one is done and what waited behind them too."""
    from flowdeck.letters import bulk
    from flowdeck.letters.dead_letters import Criteria

    with flowdeck.working(database):
        time.sleep(3)  # workers start
        began = time.perf_counter()
        row = bulk.ask("retry", Criteria(), by="operator")
        _wait(row, lambda: row.state != "running")
        asked = time.perf_counter() - began
        _drained()
        ended = time.perf_counter() - began
    left = _dead()
    print(
        f"retry all: {row.asked:,} of {row.total:,} asked for in {asked:.1f} s, "
        f"done in {ended:.1f} s; dead now {left:,}",
        flush=True,
    )
    return {"retry_all_s": ended, "asked_s": asked, "dead_after_retry_all": left}


def _wait(row: Any, so: Any) -> None:
    deadline = time.monotonic() + 300
    while not so():
        if time.monotonic() > deadline:
            raise SystemExit(f"Still {row}; see var/benchmarks/output.log.")
        time.sleep(0.1)
        row.refresh_from_db()


def _drained() -> None:
    from flowdeck.models import Due

    unfinished = Due.objects.filter(state__in=("pending", "retrying", "sleeping")).extra(
        where=[
            "NOT EXISTS (SELECT 1 FROM flowdeck_due d WHERE d.state = 'dead' AND "
            "d.processor = flowdeck_due.processor AND d.key = flowdeck_due.key "
            "AND d.position < flowdeck_due.position)"
        ]
    )
    deadline = time.monotonic() + 300
    while unfinished.exists():
        if time.monotonic() > deadline:
            raise SystemExit("Work was left after 300 s; see var/benchmarks/output.log.")
        time.sleep(0.2)


def _dead() -> int:
    from flowdeck.models import Due

    return int(Due.objects.filter(state="dead").count())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
