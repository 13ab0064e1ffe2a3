"""Figures of whole traces, by the database: for those of which not every event is loaded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Max, Sum
from django.db.models.functions import Greatest

from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.history.traces import refused as refused_of
from flowdeck.models import Done, Due, Event


@dataclass(frozen=True, slots=True)
class Totals:
    """A whole trace. ``states`` are the stored ones of its deliveries; ``ended_at`` is when the
    last thing happened so far; ``refused``: an event of it reports a "no" of the business.
    """

    events: int
    deliveries: int
    attempts: int
    retries: int
    states: frozenset[str]
    refused: bool
    ended_at: datetime

    @property
    def under_way(self) -> bool:
        """Whether some delivery will still change."""
        return bool(self.states & set(UNFINISHED))


def totals_of(correlation_ids: Collection[UUID]) -> dict[UUID, Totals]:
    """The figures of each trace, in four queries together; none for no trace."""
    if not correlation_ids:
        return {}
    events = Event.objects.filter(correlation_id__in=correlation_ids).order_by()
    counted = {
        name: (n, last)
        for name, n, last in events.values_list("correlation_id").annotate(
            n=Count("position"), last=Max("recorded_at")
        )
    }
    refused = refused_of(events)
    deliveries: dict[UUID, list[tuple[str, int, int, int, datetime | None]]] = defaultdict(list)
    figures = {
        "n": Count("*"),
        "tries": Sum("attempts"),
        "retries": Sum(Greatest(F("attempts") - 1, 0)),
        "last": Max("finished_at"),
    }
    # One by one: SQLite would read all of the view to count some of it.
    of_traces = {"event__correlation_id__in": correlation_ids}
    for name, state, *rest in (
        Due.objects.filter(**of_traces)
        .order_by()
        .values_list("event__correlation_id", "state")
        .annotate(**figures)
    ):
        deliveries[name].append((state, *rest))
    for name, *rest in (
        Done.objects.filter(**of_traces)
        .order_by()
        .values_list("event__correlation_id")
        .annotate(**figures)
    ):
        deliveries[name].append((DeliveryState.DONE, *rest))
    return {
        name: Totals(
            events=n,
            deliveries=sum(row[1] for row in deliveries[name]),
            attempts=sum(row[2] for row in deliveries[name]),
            retries=sum(row[3] for row in deliveries[name]),
            states=frozenset(row[0] for row in deliveries[name]),
            refused=name in refused,
            ended_at=max([last, *(row[4] for row in deliveries[name] if row[4] is not None)]),
        )
        for name, (n, last) in counted.items()
    }
