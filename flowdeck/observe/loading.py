"""Traces, read from the database in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import groupby
from uuid import UUID

from flowdeck.models import Attempt, Delivery, Event
from flowdeck.observe.causes import build_trace
from flowdeck.observe.states import derive
from flowdeck.observe.timers import of_traces
from flowdeck.observe.totals import Totals, totals_of
from flowdeck.observe.traces import Trace

LIMIT = 1_000
"""Events loaded at once at most; a longer trace says that it is cut."""


def load_trace(correlation_id: UUID) -> Trace | None:
    """The trace as it is now, or None if there is none. At most six queries, three more if it is
    cut."""
    return load_traces([correlation_id]).get(correlation_id)


def load_traces(correlation_ids: Iterable[UUID]) -> dict[UUID, Trace]:
    """The traces that exist, by id, in at most six queries together.

    Of more than ``LIMIT`` events together each trace gets the same share, by a look-up of its own;
    the figures of those that are cut take three queries more.
    """
    names = list(correlation_ids)
    found = _first_events(names, LIMIT)
    totals: dict[UUID, Totals] = {}
    if len(found) > LIMIT:
        share = LIMIT // len(names)
        of_each = {name: _first_events([name], share) for name in names}
        totals = totals_of([name for name, events in of_each.items() if len(events) > share])
        found = [event for events in of_each.values() for event in events[:share]]
    rows = {event.position: event for event in found}
    deliveries = _deliveries(rows)
    failures = _failures(deliveries)
    derived = derive(deliveries)
    timers = of_traces(names) if rows else {}
    of_trace: dict[UUID, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        of_trace[delivery.event.correlation_id].append(delivery)
    return {
        name: build_trace(
            list(events),
            of_trace[name],
            failures,
            derived,
            totals=totals.get(name),
            timers=timers.get(name, ()),
        )
        for name, events in groupby(rows.values(), lambda event: event.correlation_id)
    }


def _first_events(names: list[UUID], most: int) -> list[Event]:
    """The first events by trace and position, and one more if there are more."""
    rows = Event.objects.filter(correlation_id__in=names)
    return list(rows.order_by("correlation_id", "position")[: most + 1])


def _deliveries(rows: Mapping[int, Event]) -> list[Delivery]:
    found = list(Delivery.objects.filter(event_id__in=list(rows)).order_by("event_id", "processor"))
    for delivery in found:
        delivery.event = rows[delivery.event_id]
    return found


def _failures(deliveries: list[Delivery]) -> dict[tuple[int, str], list[Attempt]]:
    found: dict[tuple[int, str], list[Attempt]] = defaultdict(list)
    tried = {delivery.event_id for delivery in deliveries if delivery.attempts}
    for failure in Attempt.objects.filter(event_id__in=tried).order_by("number", "id"):
        found[failure.delivery_pk].append(failure)
    return found
