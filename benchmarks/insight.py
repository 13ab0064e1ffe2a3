"""``make bench-insight``: planted causes in a large log: is the right one first, and how fast.

A database is filled with ``--events`` (a million by default; ``--sqlite`` on SQLite) out of orders
with every kind of fault, the rows of traces are made of them, and each cause of
``tests/processors/planted.py`` is planted in a transaction that is rolled back, and asked for
``--rounds`` times. Writes ``benchmarks/insight.json``. Goals: 20 of 20, p95 at most 300 ms.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks import servers
from benchmarks.pages import database_of

RESULT = Path(__file__).with_name("insight.json")
RIGHT, P95_MS = 20, 300


def main(arguments: list[str]) -> int:
    """Fill, plant, ask; whether the goals are met."""
    parser = argparse.ArgumentParser(prog="make bench-insight", description=__doc__)
    parser.add_argument("--sqlite", action="store_true")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with servers.started() as running:
        database = database_of(running, "sqlite" if options.sqlite else "postgresql")
        print(json.dumps(database.work("seed_log", options.events)), file=sys.stderr)
        found = database.work("ask_why", options.rounds)
    RESULT.write_text(json.dumps({**found, "events": options.events}, indent=1) + "\n")
    print(RESULT.read_text())
    return int(found["why_right_of_20"] < RIGHT or found["why_p95_ms"] > P95_MS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
