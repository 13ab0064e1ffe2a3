"""The newest traces, cut into pages by the position of their first events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from flowdeck.dashboard.shared.parameters import moment
from flowdeck.dashboard.shell.records import Record, record_of
from flowdeck.dashboard.trace.durations import Durations, durations
from flowdeck.dashboard.trace.filter import LARGEST_SKIP, TraceFilter
from flowdeck.dashboard.trace.glance import Glance, glance_of, scale_of
from flowdeck.log.positions import newest_position
from flowdeck.models import Event
from flowdeck.observe.loading import load_traces
from flowdeck.observe.trace_rows import chosen, spread
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
    """At most ``most`` traces, newest first.

    ``older`` is where the next page begins, or ``skip`` how many rows come before it, if any.
    """

    rows: list[TraceRow]
    older: int | None
    skip: int | None = None
    most: int = SIZE

    @property
    def glances(self) -> list[tuple[TraceRow, Glance]]:
        """Each row with what is seen of it at a glance, on one scale."""
        scale = scale_of([row.trace for row in self.rows])
        return [(row, glance_of(row.trace, scale)) for row in self.rows]


def filtered_traces(
    wanted: TraceFilter, known: Mapping[UUID, TraceRow] = MappingProxyType({})
) -> RecentTraces:
    """Traces that fit, in the order that is wanted; at most nine queries. Those ``known`` are not
    read again.
    """
    since = moment(wanted.since) if wanted.since else None
    until = moment(wanted.until) if wanted.until else None
    skip = wanted.skip or 0
    traces = chosen(wanted, since, until, SIZE + 1, skip)
    rows = _read([name for name, _ in traces[:SIZE]], known)
    if len(traces) <= SIZE:
        return RecentTraces(rows, None)
    if wanted.by_position:
        return RecentTraces(rows, traces[SIZE - 1][1])
    return RecentTraces(rows, None, skip + SIZE if skip + SIZE <= LARGEST_SKIP else None)


def durations_of(wanted: TraceFilter) -> Durations | None:
    """How long those that fit took, whatever is asked of their duration; three queries at most."""
    since = moment(wanted.since) if wanted.since else None
    until = moment(wanted.until) if wanted.until else None
    return durations(spread(wanted, since, until), wanted)


def _read(names: Collection[UUID], known: Mapping[UUID, TraceRow]) -> list[TraceRow]:
    found = load_traces([name for name in names if name not in known])
    rows = {**{name: _row(trace) for name, trace in found.items()}, **known}
    return [rows[name] for name in names if name in rows]


def _row(trace: Trace) -> TraceRow:
    return TraceRow(trace, record_of(trace.roots[0].row.stream))


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
    names = dict.fromkeys(correlation_id for _, correlation_id in firsts[:SIZE])
    older = firsts[SIZE - 1][0] if len(firsts) > SIZE else (edge if edge > 1 else None)
    return RecentTraces(_read(names, known), older)


def alike(trace: Trace, most: int = 20) -> list[TraceRow]:
    """The newest other traces that began with an event of the same type."""
    newest = Event.objects.filter(type=trace.roots[0].row.type).order_by("-position")
    names = [
        name
        for name, cause in newest.values_list("correlation_id", "causation_id")[: most * 5]
        if cause is None and name != trace.correlation_id
    ][:most]
    found = load_traces(names)
    return [_row(found[name]) for name in dict.fromkeys(names) if name in found]
