"""``mediator``: sees an order through, step by step, in the mediator topology.

A process: what it knows of each order commits with the request it emits, so it may die at any
point. It reserves first and charges then; what failed later undoes what was done before. Its
patience with an order is a timer, which is cancelled once the order is decided.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum

from django.conf import settings

from events.domain_events import (
    MEDIATOR_STREAMS,
    DeadlinePassed,
    InventoryRejected,
    InventoryReleased,
    InventoryReserved,
    Item,
    OrderCancelled,
    OrderConfirmed,
    OrderSubmitted,
    PaymentProcessed,
    PaymentRequested,
    RefundRequested,
    ReleaseRequested,
    ReservationRequested,
)
from flowdeck import Event, Process, State, during, otherwise, process, starts

TOO_LATE = "The payment took too long."


class Step(StrEnum):
    """What the mediator waits for, or how an order has ended."""

    RESERVING = "reserving"
    PAYING = "paying"
    RELEASING = "releasing"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Mediated(State):
    """What the mediator knows of an order."""

    step: Step = Step.RESERVING
    order_id: int
    user_id: int
    total: Decimal
    items: list[Item]
    scenario: str = ""
    reason: str = ""


Asked = (
    DeadlinePassed,
    ReservationRequested,
    PaymentRequested,
    ReleaseRequested,
    RefundRequested,
    OrderConfirmed,
    OrderCancelled,
)


@process(
    "mediator",
    state=Mediated,
    ends=(Step.CONFIRMED, Step.CANCELLED),
    streams=MEDIATOR_STREAMS,
    emits=Asked,
)
class Mediator(Process[Mediated]):
    """Ask for each next step of an order; when one fails, undo what was done before."""

    @starts
    def submitted(self, event: OrderSubmitted) -> ReservationRequested:
        """Ask for the items, and be patient for a while."""
        self.state = Mediated(
            order_id=event.order_id,
            user_id=event.user_id,
            total=event.total,
            items=event.items,
            scenario=event.scenario,
        )
        self.later("patience", DeadlinePassed(order_id=event.order_id), seconds=patience())
        return ReservationRequested(
            order_id=event.order_id, items=event.items, scenario=event.scenario
        )

    @during(Step.RESERVING, to=Step.PAYING)
    def reserved(self, event: InventoryReserved) -> PaymentRequested:
        """Ask for the money; what is reserved can be released again."""
        self.undo(ReleaseRequested(order_id=event.order_id))
        self.state.step = Step.PAYING
        return PaymentRequested(
            order_id=event.order_id,
            total=self.state.total,
            scenario=self.state.scenario,
            user_id=self.state.user_id,
        )

    @during(Step.RESERVING, to=Step.CANCELLED)
    def rejected(self, event: InventoryRejected) -> OrderCancelled:
        """Nothing was done yet, so nothing is undone."""
        return self._cancelled(event.reason)

    @during(Step.PAYING, to=(Step.CONFIRMED, Step.RELEASING))
    def paid(self, event: PaymentProcessed) -> Iterator[Event]:
        """Confirm the order, or give the items back."""
        if event.status == "failed":
            yield from self._undone(event.reason)
            return
        self.state.step = Step.CONFIRMED
        yield OrderConfirmed(
            order_id=event.order_id,
            user_id=self.state.user_id,
            total=self.state.total,
            items=self.state.items,
        )

    @during(Step.RELEASING, to=Step.CANCELLED)
    def released(self, event: InventoryReleased) -> OrderCancelled:
        """All is undone."""
        return self._cancelled(self.state.reason)

    @during(Step.RESERVING, to=Step.CANCELLED)
    def never_reserved(self, event: DeadlinePassed) -> OrderCancelled:
        """Whatever is reserved later is released then."""
        return self._cancelled("The warehouse took too long.")

    @during(Step.PAYING, to=Step.RELEASING)
    def never_paid(self, event: DeadlinePassed) -> list[Event]:
        """What is paid later is given back then."""
        return self._undone(TOO_LATE)

    @otherwise
    def paid_late(self, event: PaymentProcessed) -> RefundRequested | None:
        """Money that nobody waits for any more."""
        paid = event.status == "success"
        return RefundRequested(order_id=event.order_id) if paid else None

    @otherwise
    def reserved_late(self, event: InventoryReserved) -> ReleaseRequested:
        """Items that nobody waits for any more."""
        return ReleaseRequested(order_id=event.order_id)

    def _undone(self, reason: str) -> list[Event]:
        self.state.step, self.state.reason = Step.RELEASING, reason
        return self.compensate()

    def _cancelled(self, reason: str) -> OrderCancelled:
        self.state.step, self.state.reason = Step.CANCELLED, reason
        return OrderCancelled(
            order_id=self.state.order_id, user_id=self.state.user_id, reason=reason
        )


def patience() -> float:
    """Seconds the mediator waits for an order to be decided (setting ``SHOP_PATIENCE``)."""
    return float(getattr(settings, "SHOP_PATIENCE", 15.0))
