"""``GET /events``, ``/traces/{correlation_id}`` and ``/processors``."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from ninja import Query, Router

from flowdeck.api.budget import within_budget
from flowdeck.api.problems import require
from flowdeck.api.schemas import (
    EventFilter,
    EventOut,
    EventPage,
    ProcessorOut,
    TraceOut,
)
from flowdeck.log.horizon import horizon
from flowdeck.models import Event
from flowdeck.observe.loading import load_trace
from flowdeck.observe.overview import processors
from flowdeck.people.access import can, can_see_trace

router = Router(tags=["events"])
_PATIENCE = 0.5  # seconds; one forgotten transaction must not hold up the callers


@router.get("/events", response=EventPage, summary="Read the log")
def list_events(request: HttpRequest, wanted: Query[EventFilter]) -> EventPage:
    """Events that fit all given filters, newest first; oldest first with ``after``.

    Pages are by position: ask again with ``before`` (or ``after``) set to ``next``. A page of large
    payloads ends before ``limit``, at some megabytes. With ``after``
    nothing is passed by: the log is read up to ``settled_to`` only, since an event is given its
    position before its commit, and may appear after a later one.
    """
    require(can(request.user, "view_log"))
    rows = _chosen(wanted)
    settled = None if wanted.after is None else horizon(wanted.after, _PATIENCE)
    if settled is not None:
        rows = rows.filter(position__lte=settled.position)
    forward = settled is not None and wanted.before is None
    page, more = within_budget(rows, wanted.limit, forward=forward)
    return EventPage(
        events=EventOut.of_all(page),
        next=page[-1].position if more else None,
        settled_to=None if settled is None else settled.position,
        held_up=settled is not None and settled.held_up,
    )


@router.get("/traces/{uuid:correlation_id}", response=TraceOut, summary="Read one trace")
def get_trace(request: HttpRequest, correlation_id: UUID) -> TraceOut:
    """All events of one correlation id and their deliveries, with failed attempts."""
    decision = can_see_trace(request.user, correlation_id)
    trace = load_trace(correlation_id) if decision else None
    if trace is None:
        # Whoever may not see it does not learn whether it exists.
        raise Http404(f"There is no trace {correlation_id} that you may see.")
    return TraceOut.of(trace)


@router.get("/processors", response=list[ProcessorOut], summary="List the processors")
def list_processors(request: HttpRequest) -> list[ProcessorOut]:
    """Declared processors with their subscriptions, switches and what waits for them."""
    require(can(request.user, "view_processors"))
    return [ProcessorOut.of(row) for row in processors()]


def _chosen(wanted: EventFilter) -> QuerySet[Event]:
    chosen = Q()
    for name in ("type", "stream", "correlation_id", "producer"):
        value = getattr(wanted, name)
        if value is not None:
            chosen &= Q(**{name: value})
    if wanted.after is not None:
        chosen &= Q(position__gt=wanted.after)
    if wanted.before is not None:
        chosen &= Q(position__lt=wanted.before)
    return Event.objects.filter(chosen)
