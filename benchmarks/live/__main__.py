"""``make bench-live ARGS="..."``: measure live pages, print a table, write benchmarks/live.json.

``--only pixel`` (or sockets, flood) takes one measure, ``--quick`` a quarter of the time.
PostgreSQL, Redis, one web process, two worker processes and Chromium, all on this machine.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks import servers
from benchmarks.flowdeck import Database, working
from benchmarks.live import counting, measures
from benchmarks.live.web import serving

GOALS = {
    "pixel_p50_ms": 120,
    "pixel_p99_ms": 400,
    "sockets_p99_ms": 1000,
    "sockets_dropped": 0,
    "sockets_query_ratio": 1.15,
    "flood_swaps_per_s": 10,
    "flood_dom_nodes": 5000,
    "flood_longest_task_ms": 200,
    "flood_heap_growth_mb": 20,
    "flood_rows_missing_at_the_end": 0,
}
MEASURES = {one.__name__: one for one in (measures.pixel, measures.sockets, measures.flood)}
RESULT = Path(__file__).resolve().parent.parent / "live.json"


def main(arguments: list[str]) -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench-live", description=__doc__)
    parser.add_argument("--only", action="append", choices=sorted(MEASURES))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found: measures.Numbers = {}
    with servers.started() as running:
        running.execute("CREATE DATABASE live")
        database = Database(running.database("live"), running)
        database.work("prepare")
        cookies: list[str] = database.work("sign_in", 500)["cookies"]  # type: ignore[assignment]
        counter = running.home / "queries"
        with working(database), serving(database, **{counting.VARIABLE: str(counter)}) as port:
            bench = measures.Bench(database, port, cookies, counter, options.quick)
            for name in options.only or MEASURES:
                found |= MEASURES[name](bench)
    RESULT.write_text(json.dumps({k: round(v, 2) for k, v in found.items()}, indent=1) + "\n")
    for name, value in found.items():
        goal = GOALS.get(name)
        words = "" if goal is None else f"goal {goal:>6,}  {'yes' if value <= goal else 'no'}"
        print(f"{name:32}{value:10,.1f}  {words}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
