"""``make bench-connect``: how much outlets hand on and inlets take in, and what that costs others.

PostgreSQL that syncs to disk, real brokers beside it: Tansu for Kafka, RabbitMQ, NATS, the embedded
Valkey, and fauxqs for SQS (by ``npx``; without Node its figure is left out). ``--only KEY``
measures some of the figures (again for more) and keeps the others of the file; ``--quick`` does a
tenth of the work and writes no file. The figures are left in ``benchmarks/connect.json``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from benchmarks import goals, servers
from benchmarks.connect.measures import MEASURES, Bench

GOALS = {
    "kafka_outlet_per_s": ">= 25000",
    "kafka_lag_p99_ms": "<= 200",
    "inlet_per_s": ">= 8000",
    "rabbitmq_per_s": ">= 3000",
    "nats_per_s": ">= 8000",
    "redis_per_s": ">= 10000",
    "sqs_per_s": ">= 400",
    "confirmed_p99_with_outlet_ratio": "<= 1.2",
    "workflow_with_outlet_ratio": ">= 0.8",
    "otel_off_ratio": ">= 0.98",
    "otel_on_ratio": ">= 0.9",
    "scrape_p95_ms": "<= 50",
}
"""Figures, and what each has to be."""
RESULTS = Path(__file__).parent.with_name("connect.json")


def main(arguments: list[str]) -> int:
    """Measure, print, and say by the exit code whether the goals were met."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or the servers would stay behind
    figures: dict[str, float] = {}
    with servers.started() as running, Bench.started(running, options.quick) as bench:
        for keys, measure in MEASURES:
            if not options.only or set(keys) & set(options.only):
                found = measure(bench)
                figures |= {key: round(value, 3) for key, value in found.items()}
                for key in found.keys() & GOALS.keys():
                    print(goals.line(key, figures[key], GOALS[key]), flush=True)
    if not options.quick:
        known = json.loads(RESULTS.read_text()) if options.only and RESULTS.exists() else {}
        RESULTS.write_text(json.dumps(known | figures, indent=2, sort_keys=True) + "\n")
    asked = figures.keys() & GOALS.keys()
    return int(not all(goals.met(GOALS[key], figures[key]) for key in asked))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-connect", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="KEY", choices=list(GOALS))
    parser.add_argument("--quick", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
