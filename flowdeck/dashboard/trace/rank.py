"""The rank of a trace among the newest that began alike, by the time to its last event."""

from __future__ import annotations

from dataclasses import dataclass
from math import log10

from django.db.models import Count, Max

from flowdeck.dashboard.shared.shapes import Rect
from flowdeck.models import Event
from flowdeck.observe.traces import Trace

COMPARED = 300
_LOOKED_AT = 1_000  # newest events of the type
_FEWEST = 5  # fewer say nothing
_BINS = 40


@dataclass(frozen=True, slots=True)
class Rank:
    """Where ``seconds`` stands among ``count`` others. ``at`` is percent along the histogram."""

    type: str
    count: int
    slower_than: float
    seconds: float
    fastest: float
    median: float
    slowest: float
    bars: list[Rect]
    at: float


def rank_of(trace: Trace) -> Rank | None:
    """In two bounded queries; None while it is under way, or if there is nothing to compare."""
    if trace.under_way or trace.cut:
        return None
    root = trace.roots[0].row
    newest = Event.objects.filter(type=root.type).order_by("-position")
    rows = newest.values_list("correlation_id", "recorded_at", "causation_id")[:_LOOKED_AT]
    began = {name: at for name, at, cause in rows if cause is None}
    began = dict(list(began.items())[:COMPARED])
    began.pop(trace.correlation_id, None)
    if len(began) < _FEWEST:
        return None
    ended = (
        Event.objects.filter(correlation_id__in=list(began))
        .order_by()
        .values_list("correlation_id")
        .annotate(last=Max("recorded_at"), events=Count("position"))
    )
    least = min(len(trace.events), 2)  # of a flow, one that has only begun says nothing
    others = sorted(
        max(0.001, (last - began[name]).total_seconds())
        for name, last, events in ended
        if events >= least
    )
    if len(others) < _FEWEST:
        return None

    last = max(event.row.recorded_at for event in trace.events)
    return ranked(root.type, max(0.001, (last - trace.started_at).total_seconds()), others)


def ranked(type: str, seconds: float, others: list[float]) -> Rank:
    """Draw ``others`` (sorted, above 0) as a histogram of logarithmic width. Pure."""
    low, high = min(others[0], seconds), max(others[-1], seconds)
    span = log10(high / low) or 1.0

    def place(value: float) -> float:
        return log10(value / low) / span

    bins = [0] * _BINS
    for value in others:
        bins[min(_BINS - 1, int(place(value) * _BINS))] += 1
    most = max(bins)
    bars = [
        Rect(
            x=round(n * 100 / _BINS, 2),
            width=round(100 / _BINS - 0.3, 2),
            y=round(44 - 42 * number / most, 1),
            height=round(42 * number / most, 1),
            kind="h-ok",
            radius=1,
        )
        for n, number in enumerate(bins)
        if number
    ]
    below = sum(value < seconds for value in others)
    return Rank(
        type=type,
        count=len(others),
        slower_than=100 * below / len(others),
        seconds=seconds,
        fastest=low,
        median=others[len(others) // 2],
        slowest=high,
        bars=bars,
        at=round(min(99.0, max(1.0, place(seconds) * 100)), 2),
    )
