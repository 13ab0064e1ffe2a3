"""One event in the drawer, live: what it sets off, and how its deliveries do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flowdeck import parsing
from flowdeck.dashboard.event.answers import answers_of
from flowdeck.dashboard.event.chain import chain_of
from flowdeck.dashboard.event.detail import deliveries_of, people_of
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.declare.states import DeliveryState
from flowdeck.live import Changes, Fragment, LiveView, Refusal
from flowdeck.models import Delivery, Event
from flowdeck.observe.states import UNDER_WAY
from flowdeck.people.access import can

_NOT_SETTLED = UNDER_WAY | {DeliveryState.DEAD}


class EventView(LiveView):
    """``event:<position>``: chain, deliveries, answers. Envelope and payload never change."""

    interval = 0.5

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._event: Event | None = None
        self._may_change = True

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The position without leading zeros."""
        position = parsing.number(argument)
        return argument if position is None else str(position)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the log."""
        if parsing.number(argument) is None:
            return Refusal("There is no such event.")
        decision = can(user, "view_log")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """The chain, the deliveries and what the outside has answered."""
        event = self._event or Event.objects.filter(position=int(self.argument)).first()
        if event is None:
            return []
        self._event = event
        lines = deliveries_of(event)
        self._may_change = any(line.now.state in _NOT_SETTLED for line in lines)
        context = {
            "event": event,
            "chain": chain_of(event, [line.row for line in lines]),
            "deliveries": lines,
            "answers": answers_of(event, [line.row.processor for line in lines]),
            "oob": True,
        }
        return [
            Fragment(
                f"{part}-{event.position}",
                render_to_string(f"flowdeck/log/_{part}.html", context),
            )
            for part in ("chain", "deliveries", "answers")
        ]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """All again, if its trace was touched."""
        touched = self._event is not None and self._event.correlation_id in changes.correlations
        return self.regions() if changes.unknown or touched else []

    @classmethod
    def stale(cls, views: Sequence[LiveView]) -> Iterable[LiveView]:
        """Those with a delivery that is not settled."""
        return [view for view in views if isinstance(view, EventView) and view._may_change]


class EventPeopleView(LiveView):
    """``event-people:<position>``: what people did with the event and its deliveries."""

    interval = 0.5

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """As for the event."""
        return EventView.canonical(argument)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the event and the audit."""
        decision = can(user, "view_audit")
        return EventView.allowed(user, argument) or (None if decision else Refusal(decision.reason))

    def regions(self) -> Sequence[Fragment]:
        """The list, hidden while it is empty."""
        event = Event.objects.filter(position=int(self.argument)).first()
        if event is None:
            return []
        rows = Delivery.objects.filter(event_id=event.position).order_by("processor")
        context = {"event": event, "people": people_of(event, list(rows)), "oob": True}
        html = render_to_string("flowdeck/log/_people.html", context)
        return [Fragment(f"people-{event.position}", html)]
