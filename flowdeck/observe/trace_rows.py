"""Traces by their rows: filtered and sorted by index, whatever the size of the log.

Rows are a second behind (:mod:`flowdeck.history.fold`), so they only say which traces to show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from math import log
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import Case, F, FloatField, Q, QuerySet, Value, When
from django.db.models.functions import Floor, Greatest, Ln

from flowdeck.declare.states import KEPT, DeliveryState
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import Delivery, Event, Timer, Trace
from flowdeck.observe.traces import WAITS
from flowdeck.sql.parts import rows as read_rows

SORTS = ("newest", "slowest", "retries")
_MOST = 1_000  # traces of one stream, with an event of some type, or that wait to retry
SPREAD = 20_000
"""Of how many traces the durations are told at most: the newest that fit."""
STEPS = 6
"""Stretches that each tenfold of a duration is divided into."""
_SHORTEST = 0.001  # seconds; what took less is told with it
FIRST = -18
"""The step that the shortest are in."""
_EDGE = 1e-9  # what a logarithm misses a whole number by

_STATES = {
    DeliveryState.DONE: Trace.State.DONE,
    "no": Trace.State.REFUSED,
    DeliveryState.RUNNING: Trace.State.UNDER_WAY,
    DeliveryState.DEAD: Trace.State.DEAD,
}
OUTCOMES = {
    DeliveryState.DONE: "done",
    "no": "refused",
    DeliveryState.RUNNING: "under way",
    DeliveryState.RETRYING: "waits to retry",
    WAITS: "waits for a time",
    DeliveryState.DEAD: "dead",
}
"""What may come of a trace, and how people call it."""


class Wanted(Protocol):
    """The conditions; those that are empty do not count."""

    @property
    def outcome(self) -> str:
        """One of ``OUTCOMES``."""

    @property
    def began(self) -> str:
        """The type of its first event."""

    @property
    def stream(self) -> str:
        """A stream that any of its events is in."""

    @property
    def type(self) -> str:
        """The type of any of its events."""

    @property
    def over(self) -> float | None:
        """Milliseconds that it took at least."""

    @property
    def under(self) -> float | None:
        """Milliseconds that it took less than."""

    @property
    def retried(self) -> str:
        """Not empty: some attempt of it was not the first."""

    @property
    def before(self) -> int | None:
        """Above all first positions."""

    @property
    def sort(self) -> str:
        """One of ``SORTS``; empty for the newest first."""


def chosen(
    wanted: Wanted, since: datetime | None, until: datetime | None, most: int, skip: int = 0
) -> list[tuple[UUID, int]]:
    """The ids and first positions of up to ``most`` traces in order; one query, two more for some
    conditions."""
    rows = _within(since, until).filter(*_conditions(wanted), *_durations(wanted))
    if wanted.before is not None:
        rows = rows.filter(first_position__lt=wanted.before)
    ordered = _ORDERS[wanted.sort or SORTS[0]](rows)
    return list(ordered.values_list("correlation_id", "first_position")[skip : skip + most])


class Stretch(NamedTuple):
    """So many traces took from ``10 ** (step / STEPS)`` seconds to the next one, and came to
    ``kind``: done, retried, refused or dead."""

    step: int
    kind: str
    number: int


def spread(wanted: Wanted, since: datetime | None, until: datetime | None) -> list[Stretch]:
    """How long the newest ``SPREAD`` that fit took, whatever is asked of their duration; one query,
    two more for some conditions. Those under way have none."""
    rows = _within(since, until).filter(*_conditions(wanted), seconds__isnull=False)
    newest = rows.annotate(step=_STEP, kind=_KIND).order_by("-first_position")[:SPREAD]
    # By hand: to count what comes out of a limit, Django joins the table once more.
    try:
        statement, parameters = newest.values("step", "kind").query.sql_with_params()
    except EmptyResultSet:  # there is no trace of that stream, say
        return []
    counted = read_rows(_COUNTED.format(newest=statement), list(parameters))
    return sorted(Stretch(int(step), kind, number) for step, kind, number in counted)


_COUNTED = "SELECT step, kind, count(*) FROM ({newest}) AS newest GROUP BY step, kind"
_SECONDS = Greatest(F("seconds"), Value(_SHORTEST), output_field=FloatField())
_STEP = Floor(Ln(_SECONDS) * (STEPS / log(10)) + _EDGE, output_field=FloatField())
_KIND = Case(
    When(state=Trace.State.DEAD, then=Value("dead")),
    When(state=Trace.State.REFUSED, then=Value("refused")),
    When(retries__gt=0, then=Value("retried")),
    default=Value("done"),
)


def _within(since: datetime | None, until: datetime | None) -> QuerySet[Trace]:
    rows = Trace.objects.all()
    if since is not None:
        rows = rows.filter(first_position__gte=first_since(since - SLACK), started_at__gte=since)
    if until is not None:
        rows = rows.filter(first_position__lt=first_since(until + SLACK), started_at__lt=until)
    return rows


def _conditions(wanted: Wanted) -> Iterator[Q]:
    if wanted.outcome:
        yield _came_to(wanted.outcome)
    if wanted.began:
        yield Q(began_with=wanted.began)
    if wanted.stream:
        yield Q(correlation_id__in=_of_stream(wanted.stream))
    if wanted.type:
        yield Q(correlation_id__in=_with_type(wanted.type))
    if wanted.retried:
        yield Q(retries__gt=0)


def _durations(wanted: Wanted) -> Iterator[Q]:
    if wanted.over is not None:
        yield Q(seconds__gte=wanted.over / 1000)
    if wanted.under is not None:
        yield Q(seconds__lt=wanted.under / 1000)


def _came_to(outcome: str) -> Q:
    if outcome == DeliveryState.RETRYING:
        return Q(correlation_id__in=_in_state(DeliveryState.RETRYING))
    if outcome == WAITS:
        ended = (Trace.State.DONE, Trace.State.REFUSED)
        timed = Q(correlation_id__in=_waiting(), state__in=ended)
        return timed | Q(correlation_id__in=_in_state(DeliveryState.SLEEPING))
    return Q(state=_STATES[outcome])


def _newest(rows: QuerySet[Trace]) -> QuerySet[Trace]:
    return rows.order_by("-first_position")


def _slowest(rows: QuerySet[Trace]) -> QuerySet[Trace]:
    """Those under way have no duration yet, so they are left out."""
    return rows.filter(seconds__isnull=False).order_by("-seconds", "-first_position")


def _most_retried(rows: QuerySet[Trace]) -> QuerySet[Trace]:
    return rows.filter(retries__gt=0).order_by("-retries", "-first_position")


_ORDERS: dict[str, Callable[[QuerySet[Trace]], QuerySet[Trace]]] = {
    "newest": _newest,
    "slowest": _slowest,
    "retries": _most_retried,
}


def _in_state(state: DeliveryState) -> list[UUID]:
    """Of the newest deliveries that wait so."""
    rows = Delivery.objects.filter(state__among=KEPT, state=state)
    return _traces_of(rows.order_by("-event_id").values_list("event_id", flat=True)[:_MOST])


def _waiting() -> list[UUID]:
    """Of the timers that are due next."""
    rows = Timer.objects.filter(ended_at=None).order_by("due_at", "id")
    return _first_traces(rows)


def _of_stream(stream: str) -> list[UUID]:
    """Of the newest events of the stream."""
    return _first_traces(Event.objects.filter(stream=stream).order_by("-sequence"))


def _with_type(name: str) -> list[UUID]:
    """Of the newest events of the type."""
    return _first_traces(Event.objects.filter(type=name).order_by("-position"))


def _first_traces(rows: QuerySet[Any]) -> list[UUID]:
    return list(dict.fromkeys(rows.values_list("correlation_id", flat=True)[:_MOST]))


def _traces_of(positions: Iterable[int]) -> list[UUID]:
    events = Event.objects.filter(position__in=list(positions)).order_by()
    return list(dict.fromkeys(events.values_list("correlation_id", flat=True)))
