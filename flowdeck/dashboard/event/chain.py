"""The chain of one event: its causes, what made it of them, itself, and what it set off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from flowdeck.declare.metadata import joined_causes
from flowdeck.models import Delivery, Event

_MOST = 50


@dataclass(frozen=True, slots=True)
class ChainLink:
    """An event of the chain, or the delivery that leads on from the events before it."""

    event: Event | None = None
    delivery: Delivery | None = None
    joined: tuple[str, ...] = ()

    @property
    def failed_before(self) -> int:
        """Attempts of the delivery before the one that led on."""
        return max(0, self.delivery.attempts - 1) if self.delivery else 0


def chain_of(event: Event, deliveries: Sequence[Delivery]) -> list[ChainLink]:
    """The steps by position, ``event`` among them; ``deliveries`` are its own. Three queries."""
    related = _related(event)
    causes = [row for row in related if row.position < event.position]
    effects = [row for row in related if row.position > event.position]
    made_by = Delivery.objects.filter(
        event__in=[cause.position for cause in causes], processor=event.producer
    )
    by_processor = {delivery.processor: delivery for delivery in deliveries}
    return [
        *(ChainLink(cause) for cause in causes),
        *(ChainLink(delivery=delivery) for delivery in made_by.order_by("-event")[:1]),
        ChainLink(event),
        *_onward(effects, by_processor, _types_of(_others(effects, event))),
    ]


def _onward(
    effects: list[Event], deliveries: dict[str, Delivery], types: dict[UUID, str]
) -> Iterator[ChainLink]:
    """Each effect, behind the delivery that emitted it unless that stands there already."""
    last = None
    for effect in effects:
        delivery = deliveries.get(effect.producer)
        if delivery is not None and delivery is not last:
            joined = tuple(types[cause] for cause in _causes(effect) if cause in types)
            yield ChainLink(delivery=delivery, joined=joined)
        last = delivery
        yield ChainLink(effect)


def _related(event: Event) -> list[Event]:
    """Causes and direct effects, all of the same trace, by position."""
    wanted = Q(id__in=_causes(event)) | Q(causation_id=event.id)
    rows = Event.objects.filter(wanted, correlation_id=event.correlation_id)
    return list(rows.order_by("position")[:_MOST])


def _causes(event: Event) -> list[UUID]:
    causes = joined_causes(event.metadata)
    return causes if event.causation_id is None else [*causes, event.causation_id]


def _others(effects: list[Event], event: Event) -> set[UUID]:
    """Ids of events that are causes of the effects, too."""
    return {cause for effect in effects for cause in _causes(effect)} - {event.id}


def _types_of(ids: set[UUID]) -> dict[UUID, str]:
    return dict(Event.objects.filter(id__in=ids).values_list("id", "type")) if ids else {}
