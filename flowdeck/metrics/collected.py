"""What a scrape reads from the database, as the families of the official client.

Counters are the roll-ups of all time (:mod:`flowdeck.history`), a second or two old: they are right
whatever processes there were, and go on after any restart. Durations are kept as sketches, whose
bounds meet every power of two, so the buckets are exact; sums are off by 4.4 % at most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from operator import attrgetter

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from flowdeck import clock
from flowdeck.connect.standing import standings
from flowdeck.history import sketch
from flowdeck.history.figures import EVER
from flowdeck.history.sketch import Counts
from flowdeck.letters.held_back import held_back
from flowdeck.log.positions import newest_position
from flowdeck.models import Handled, Produced
from flowdeck.observe.overview import Overview, overview

_OUTCOMES = ("done", "failed", "rejected", "snoozed", "dead")
_POWERS = range(-10, 9)  # 1 ms to 4 min
_PARTS = 8  # buckets of a sketch for each power of two
_DURATIONS = {
    "run": "Seconds that attempts took that succeeded.",
    "wait": "Seconds from an event's record to the first attempt at it.",
    "age": "Seconds from an event's record to the end of what is done.",
}


class Flowdeck:
    """A collector: each scrape asks the database some ten queries, none over the log."""

    def collect(self) -> Iterator[Metric]:
        """All families."""
        yield from _log()
        yield from _deliveries()
        yield from _processors(overview())
        yield from _connectors()


def _log() -> Iterator[Metric]:
    events = CounterMetricFamily(
        "flowdeck_events", "Events appended to the log.", labels=["type", "producer"]
    )
    for row in Produced.objects.filter(grain=EVER):
        events.add_metric([row.type, row.producer], row.n)
    yield events
    yield GaugeMetricFamily(
        "flowdeck_log_position", "The newest position of the log.", value=newest_position()
    )


def _deliveries() -> Iterator[Metric]:
    rows = list(Handled.objects.filter(grain=EVER).order_by("processor", "type"))
    counted = CounterMetricFamily(
        "flowdeck_deliveries",
        "Attempts at deliveries by how they ended; dead counts dead letters that came.",
        labels=["processor", "type", "outcome"],
    )
    for row in rows:
        for outcome in _OUTCOMES:
            counted.add_metric([row.processor, row.type, outcome], getattr(row, outcome))
    yield counted
    for name, text in _DURATIONS.items():
        family = HistogramMetricFamily(f"flowdeck_{name}_seconds", text, labels=["processor"])
        for processor, counts in _by_processor(rows, name).items():
            family.add_metric([processor], *_histogram(counts))
        yield family


def _by_processor(rows: Iterable[Handled], name: str) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for row in rows:
        sketch.load(getattr(row, name), found.setdefault(row.processor, {}))
    return found


def _histogram(counts: Counts) -> tuple[list[tuple[str, float]], float]:
    """Cumulated buckets, and the sum."""
    buckets = [
        (str(float(2.0**power)), float(sum(n for at, n in counts.items() if at < power * _PARTS)))
        for power in _POWERS
    ]
    buckets.append(("+Inf", float(sum(counts.values()))))
    return buckets, sum(n * sketch.middle(at) for at, n in counts.items())


def _processors(now: Overview) -> Iterator[Metric]:
    seconds = {
        row.name: (now.as_of - row.oldest_at).total_seconds() if row.oldest_at else 0.0
        for row in now.rows
    }
    gauges = {
        "flowdeck_waiting": ("Deliveries that are not settled yet, up to 20,000.", "waiting"),
        "flowdeck_retrying": ("Deliveries that are tried again.", "retrying"),
        "flowdeck_sleeping": ("Deliveries whose handlers asked for a later time.", "sleeping"),
        "flowdeck_dead_letters": ("Dead letters there are.", "dead"),
    }
    for name, (text, field) in gauges.items():
        family = GaugeMetricFamily(name, text, labels=["processor"])
        for row in now.rows:
            family.add_metric([row.name], attrgetter(field)(row))
        yield family
    oldest = GaugeMetricFamily(
        "flowdeck_oldest_waiting_seconds",
        "Age of the oldest event that a processor has not settled.",
        labels=["processor"],
    )
    paused = GaugeMetricFamily(
        "flowdeck_paused", "Whether somebody paused the processor.", labels=["processor"]
    )
    for row in now.rows:
        oldest.add_metric([row.name], max(0.0, seconds[row.name]))
        paused.add_metric([row.name], float(row.paused_at is not None))
    held = GaugeMetricFamily(
        "flowdeck_held_keys", "Keys that dead letters hold back.", labels=["processor"]
    )
    waiting = Counter({name: one.keys for name, one in held_back("processor").groups.items()})
    for row in now.rows:
        held.add_metric([row.name], waiting[row.name])
    workers = GaugeMetricFamily(
        "flowdeck_workers", "Worker processes that are alive.", value=len(now.workers)
    )
    memory = GaugeMetricFamily(
        "flowdeck_worker_memory_bytes", "Memory of a worker process.", labels=["worker"]
    )
    for worker in now.workers:
        if worker.memory is not None:
            memory.add_metric([worker.name], worker.memory)
    yield from (oldest, paused, held, workers, memory)


def _connectors() -> Iterator[Metric]:
    rows, now = standings(), clock.now()
    moved = CounterMetricFamily(
        "flowdeck_connector_messages", "Messages moved.", labels=["connector"]
    )
    gauges = {
        "lag_events": "Events not handed on, or messages not taken in, up to 10,000.",
        "lag_seconds": "Age of the oldest event not handed on.",
        "failing_seconds": "Since when its broker has not taken or given anything; 0 if it does.",
        "held_keys": "Keys that its dead letters hold back.",
        "paused": "Whether somebody paused it.",
        "running": "Whether some process runs it.",
    }
    families = {
        name: GaugeMetricFamily(f"flowdeck_connector_{name}", text, labels=["connector"])
        for name, text in gauges.items()
    }
    for row in rows:
        failing = (now - row.failed_at).total_seconds() if row.error and row.failed_at else 0.0
        values = {
            "lag_events": float(row.behind),
            "lag_seconds": row.seconds or 0.0,
            "failing_seconds": max(0.0, failing),
            "held_keys": float(row.keys),
            "paused": float(row.paused_at is not None),
            "running": float(row.runs),
        }
        moved.add_metric([row.name], row.moved)
        for name, value in values.items():
            families[name].add_metric([row.name], value)
    yield from (moved, *families.values())
