"""``make bench-pages ARGS="--sqlite"``: the first byte of every page, with a million events.

A real web process answers over HTTP; each address of ``tests/every_page.py`` is asked for in turn,
``--rounds`` times. ``--events`` makes a smaller log. Goals: p95 of each at most 100 ms on
PostgreSQL and 200 ms on SQLite.
"""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import sys
import time
from collections import defaultdict

from benchmarks import servers
from benchmarks.flowdeck import Database
from benchmarks.live.web import serving

GOALS = {"postgresql": 100, "sqlite": 200}
_SLOWEST = 12  # addresses shown


def main(arguments: list[str]) -> int:
    """Fill a database, ask, print the slowest."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kind = "sqlite" if options.sqlite else "postgresql"
    with servers.started() as running:
        database = database_of(running, kind)
        began = time.time()
        print(json.dumps(database.work("seed_log", options.events)), f"{time.time() - began:.0f} s")
        sample = database.work("addresses")
        with serving(database) as port:
            times = _asked(port, str(sample["cookie"]), list(sample["paths"]), options.rounds)  # type: ignore[call-overload]
    return _told(times, GOALS[kind])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-pages", description=__doc__)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    return parser


def database_of(running: servers.Servers, kind: str) -> Database:
    """An empty database of this kind."""
    if kind == "sqlite":
        path = running.home / "pages.sqlite3"
        return Database(f"sqlite:///{path}", running, path)
    running.execute("CREATE DATABASE pages")
    return Database(running.database("pages"), running)


def _asked(port: int, cookie: str, paths: list[str], rounds: int) -> dict[str, list[float]]:
    """Milliseconds to the first byte, by address; the first round warms up."""
    times: dict[str, list[float]] = defaultdict(list)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for number in range(rounds + 1):
        for path in paths:
            began = time.perf_counter()
            line.request("GET", path, headers={"Cookie": f"sessionid={cookie}"})
            answer = line.getresponse()
            if number:
                times[path].append((time.perf_counter() - began) * 1000)
            answer.read()
            if answer.status not in (200, 302):
                raise SystemExit(f"{path} answered {answer.status}.")
    line.close()
    return times


def _told(times: dict[str, list[float]], goal: int) -> int:
    rows = sorted(
        ((_part(found, 0.95), _part(found, 0.5), path) for path, found in times.items()),
        reverse=True,
    )
    everything = [one for found in times.values() for one in found]
    print(f"{'p95 ms':>8} {'p50 ms':>8}  address")
    for p95, p50, path in rows[:_SLOWEST]:
        print(f"{p95:8.1f} {p50:8.1f}  {path}")
    over = sum(p95 > goal for p95, _, _ in rows)
    print(
        f"{len(rows)} addresses, p95 of all {_part(everything, 0.95):.1f} ms; "
        f"{over} of them over the goal of {goal} ms: {'no' if over else 'yes'}"
    )
    return 0


def _part(found: list[float], share: float) -> float:
    return sorted(found)[min(len(found) - 1, int(len(found) * share))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
