"""``make bench ARGS="..."``: measure all sides in turn, print ratios, write RESULTS.md.

``--only NAME`` takes a side, a number or a ratio (again for more); ``--quick`` does a quarter of
the work, once unless ``--rounds`` says otherwise; ``--json`` prints results.json; ``--profile``
records where the workers' time goes.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from benchmarks import peer, report, servers
from benchmarks.ratios import RATIOS
from benchmarks.rounds import measure
from benchmarks.sides import SIDES
from benchmarks.stand import Stand

# Measured together with the side that is held against them.
_WITH = {"commit_row": "publish_1", "celery_latency": "latency"}


def main(arguments: list[str]) -> int:
    """Measure what was asked for."""
    options = _parser().parse_args(arguments)
    sides = _chosen(options.only)
    peer.install()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the servers would stay behind
    with servers.started() as running:
        stand = Stand(running, quick=options.quick, profiled=options.profile)
        rounds = options.rounds or (1 if options.quick or options.profile else 3)
        results = report.gather(running, *measure(stand, sides, rounds))
    report.write(results, whole=sides == list(SIDES) and rounds >= 3 and not options.quick)
    if options.json:
        print(json.dumps(results, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--rounds", type=int)
    return parser


def _chosen(names: list[str]) -> list[str]:
    if not names:
        return list(SIDES)
    wanted: list[str] = []
    for name in names:
        for part in RATIOS.get(name, (name,)):
            known_parts = sorted([*SIDES, *_WITH], key=len, reverse=True)
            side = next(
                (side for side in known_parts if part == side or part.startswith(f"{side}_")), None
            )
            if side is None:
                known = ", ".join([*SIDES, *RATIOS])
                raise SystemExit(f"There is no measure {name!r}; known are {known}.")
            wanted.append(_WITH.get(side, side))
    return [side for side in SIDES if side in wanted]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
