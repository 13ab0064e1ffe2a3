"""The newest traces, cut into pages by the position of their first events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from flowdeck.dashboard.shell.records import Record, record_of
from flowdeck.log.positions import newest_position
from flowdeck.models import Event
from flowdeck.observe.loading import load_traces
from flowdeck.observe.traces import Trace

SIZE = 40
_STRETCH = 20_000  # rows of the log looked at for first events


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One trace and the business record it is about."""

    trace: Trace
    record: Record


@dataclass(frozen=True, slots=True)
class RecentTraces:
    """At most ``most`` traces, newest first; ``older`` is where the next page begins, if any."""

    rows: list[TraceRow]
    older: int | None
    most: int = SIZE


def recent_traces(
    before: int | None = None, known: Mapping[UUID, TraceRow] = MappingProxyType({})
) -> RecentTraces:
    """Traces whose first event has a position below ``before``; at most seven queries, three more
    if some are cut. Those ``known`` are as they were, and are not read again.
    """
    top = before
    if top is None:
        top = newest_position() + 1
    edge = max(1, top - _STRETCH)
    firsts = list(
        Event.objects.filter(causation_id=None, position__lt=top, position__gte=edge)
        .order_by("-position")
        .values_list("position", "correlation_id")[: SIZE + 1]
    )
    wanted = dict.fromkeys(correlation_id for _, correlation_id in firsts[:SIZE])
    found = load_traces([name for name in wanted if name not in known])
    older = firsts[SIZE - 1][0] if len(firsts) > SIZE else (edge if edge > 1 else None)
    read = {
        name: TraceRow(trace, record_of(trace.roots[0].row.stream)) for name, trace in found.items()
    }
    rows = {**read, **known}
    return RecentTraces([rows[name] for name in wanted if name in rows], older)


def alike(trace: Trace, most: int = 20) -> list[TraceRow]:
    """The newest other traces that began with an event of the same type."""
    newest = Event.objects.filter(type=trace.roots[0].row.type).order_by("-position")
    names = [
        name
        for name, cause in newest.values_list("correlation_id", "causation_id")[: most * 5]
        if cause is None and name != trace.correlation_id
    ][:most]
    found = load_traces(names)
    return [
        TraceRow(found[name], record_of(found[name].roots[0].row.stream))
        for name in dict.fromkeys(names)
        if name in found
    ]
