"""The rows that fit a filter, page by page, by bounded look-ups only.

Pages are cut by position in both directions and never by OFFSET or COUNT. A filter without an index
of its own looks at a bounded stretch of the log and says how far it has looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast

from flowdeck.dashboard.logs.filter import Condition, LogFilter
from flowdeck.dashboard.shared.parameters import moment
from flowdeck.declare.registry import registry
from flowdeck.declare.states import KEPT, UNFINISHED, DeliveryState
from flowdeck.log.positions import SLACK, first_since, newest_position
from flowdeck.models import Delivery, Event, Lane
from flowdeck.observe.states import derive
from flowdeck.privacy.masking import shown_types

SIZE = 100
STRETCH = 50_000
"""Positions looked at for a filter without an index."""
SHORT_STRETCH = 20_000
"""The same if each of them costs more: a payload to open, deliveries to look up."""

COUNTED = 20_000
"""Events that fit are counted up to here; more of them are "more than"."""

_CANDIDATES = 2_000
_STORED: dict[str, Sequence[DeliveryState]] = {
    DeliveryState.PARKED: (DeliveryState.PENDING,),
    DeliveryState.RUNNING: UNFINISHED,
}
_RARE = frozenset(DeliveryState) - {DeliveryState.DONE, DeliveryState.DISCARDED}


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows, newest first. ``older`` and ``newer`` are queries of the neighbouring pages, if any.

    ``searched_to`` is set if the rows end because so much was looked at, not because there are no
    more: the position looked at last.
    """

    rows: list[Event]
    older: str | None
    newer: str | None
    searched_to: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A count; the real one is ``more`` if there was more than could be counted."""

    counted: int
    more: bool


@dataclass(slots=True)
class _Stretch:
    """Positions to look at, ``low`` to below ``high``; ``cut`` if there is more beyond."""

    low: int
    high: int | None
    forward: bool
    cut: int | None = None

    def limit(self, length: int) -> None:
        """Look at no more than ``length`` positions, from where the page begins."""
        if self.forward:
            end = self.low + length
            if self.high is None or end < self.high:
                self.high, self.cut = end, end - 1
            return
        high = self.high if self.high is not None else newest_position() + 1
        end = high - length
        beyond = Event.objects.filter(position__gte=self.low, position__lt=end)
        if end > self.low and beyond.exists():  # a log may begin late: what was before is archived
            self.low = self.cut = end


def search(wanted: LogFilter) -> LogPage:
    """The wanted rows and the way to their neighbours; at most nine queries."""
    stretch = _bounds(wanted)
    if length := _most(wanted):
        stretch.limit(length)
    chosen = _chosen(wanted)
    if wanted.state:
        chosen = chosen.filter(position__in=_with_state(wanted, stretch))
    chosen = chosen.filter(position__gte=stretch.low)
    if stretch.high is not None:
        chosen = chosen.filter(position__lt=stretch.high)
    # Within a stream the sequence runs as the position does, and has the index.
    order = "sequence" if wanted.stream and not wanted.stream.endswith("*") else "position"
    found = list(chosen.order_by(order if stretch.forward else f"-{order}")[: SIZE + 1])
    more, rows = len(found) > SIZE, found[:SIZE]
    if stretch.forward:
        rows.reverse()
    return _page(wanted, rows, more, stretch)


def count(wanted: LogFilter) -> Number | None:
    """How many events fit on all pages together, in one query that looks at no more than it counts.

    None if that takes looking at those that don't fit, too.
    """
    if wanted.state or _most(wanted) is not None:
        return None
    stretch = _bounds(wanted.newest)
    chosen = _chosen(wanted).filter(position__gte=stretch.low)
    if stretch.high is not None:
        chosen = chosen.filter(position__lt=stretch.high)
    found = chosen.order_by().values("position")[: COUNTED + 1].count()
    return Number(min(found, COUNTED), found > COUNTED)


def _bounds(wanted: LogFilter) -> _Stretch:
    forward = wanted.after is not None and wanted.before is None
    low = 1 if wanted.after is None else wanted.after + 1
    high = wanted.before
    if wanted.since:
        low = max(low, first_since(moment(wanted.since) - SLACK))
    if wanted.until:
        end = first_since(moment(wanted.until) + SLACK)
        high = end if high is None else min(high, end)
    return _Stretch(low, high, forward)


def _most(wanted: LogFilter) -> int | None:
    """How many positions may be looked at; None if an index leads to the rows."""
    if wanted.correlation or (wanted.stream and not wanted.stream.endswith("*")):
        return None
    if wanted.state in _RARE:
        return None  # few rows, with an index; at most _CANDIDATES of them are taken
    if any(one.path for one in wanted.conditions) or wanted.processor or wanted.state:
        return SHORT_STRETCH
    return STRETCH if wanted.producer or wanted.stream or wanted.conditions else None


def _chosen(wanted: LogFilter) -> QuerySet[Event]:
    chosen = Event.objects.all()
    for name in ("type", "producer", "stream"):
        if value := getattr(wanted, name):
            chosen = chosen.filter(_fits(name, value))
    if wanted.correlation is not None:
        chosen = chosen.filter(correlation_id=wanted.correlation)
    if wanted.since:
        chosen = chosen.filter(recorded_at__gte=moment(wanted.since))
    if wanted.until:
        chosen = chosen.filter(recorded_at__lte=moment(wanted.until))
    if wanted.processor and not wanted.state:
        own = Delivery.objects.filter(event=OuterRef("position"), processor=wanted.processor)
        chosen = chosen.filter(Exists(own))
    return _with_conditions(chosen, wanted)


def _fits(name: str, value: str) -> Q:
    if name == "stream" and value.endswith("*"):
        return Q(stream__startswith=value[:-1])
    return Q(**{name: value})


def _with_conditions(chosen: QuerySet[Event], wanted: LogFilter) -> QuerySet[Event]:
    if any(one.path for one in wanted.conditions):
        # Whoever may ask whether a masked value equals a guess can read it.
        chosen = chosen.filter(type__in=shown_types())
    for number, condition in enumerate(wanted.conditions):
        chosen = _with_condition(chosen, condition, f"field{number}")
    return chosen


def _with_condition(chosen: QuerySet[Event], one: Condition, alias: str) -> QuerySet[Event]:
    if not one.path:
        return chosen.exclude(_fits(one.field, one.value))
    *parents, last = one.path
    inside: KeyTransform | str = "data"
    for step in parents:
        inside = KeyTransform(step, inside)
    chosen = chosen.alias(**{alias: Cast(KeyTextTransform(last, inside), TextField())})
    same = Q(**{alias: one.value})
    return chosen.filter(Q(**{f"{alias}__isnull": True}) | ~same if one.excluded else same)


def _with_state(wanted: LogFilter, stretch: _Stretch) -> list[int]:
    """Positions whose delivery is in the state, from the page's end of the stretch."""
    rows = Delivery.objects.filter(event_id__gte=stretch.low)
    states: Sequence[str] = _STORED.get(wanted.state) or (wanted.state,)
    rows = rows.filter(state__in=states)
    if DeliveryState.PENDING in states:
        rows = rows.filter(processor__in=_known_processors(), state__among=UNFINISHED)
    elif wanted.state in KEPT:
        rows = rows.filter(state__among=KEPT)
    if stretch.high is not None:
        rows = rows.filter(event_id__lt=stretch.high)
    if wanted.processor:
        rows = rows.filter(processor=wanted.processor)
    found = list(rows.order_by("event_id" if stretch.forward else "-event_id")[:_CANDIDATES])
    if len(found) == _CANDIDATES:
        last = stretch.cut = found[-1].event_id
        if stretch.forward:
            stretch.high = last + 1
        else:
            stretch.low = last
    if wanted.state in _STORED:
        derived = derive(found)
        found = [row for row in found if derived[row.pk].state == wanted.state]
    return [row.event_id for row in found]


def _known_processors() -> set[str]:
    """All that may have unfinished work: the index of it begins with the processor."""
    return {*registry.processors, *Lane.objects.values_list("processor", flat=True).distinct()}


def _page(wanted: LogFilter, rows: list[Event], more: bool, stretch: _Stretch) -> LogPage:
    newest, cut = wanted.newest, None if more else stretch.cut
    older = newer = None
    if stretch.forward:
        if rows:
            older = replace(newest, before=rows[-1].position).query
        if more:
            newer = replace(newest, after=rows[0].position).query
        elif cut is not None:
            newer = replace(newest, after=cut).query
        return LogPage(rows, older, newer)
    if more:
        older = replace(newest, before=rows[-1].position).query
    elif cut is not None:
        older = replace(newest, before=cut).query
    if rows and wanted.before is not None:
        newer = replace(newest, after=rows[0].position).query
    return LogPage(rows, older, newer, cut)
