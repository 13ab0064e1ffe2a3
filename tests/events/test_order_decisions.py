"""An order is decided from its own events: examples, any history, and commands that race."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from events import orders
from events.domain_events import (
    InventoryRejected,
    InventoryReleased,
    InventoryReserved,
    Item,
    NotificationSent,
    OrderCancelled,
    OrderConfirmed,
    OrderCreated,
    PaymentProcessed,
    PaymentRefunded,
)
from events.order_decisions import Cancel, NotPossible, Order, Settle, decide, evolve, fold
from flowdeck import Event, read_stream
from flowdeck.models import Event as Row
from flowdeck.testing import settle
from flowdeck.verification import verify
from processors.models import Charge, Reservation

ITEMS = [Item(sku="mug", quantity=2, price=Decimal("14.00"))]
CREATED = OrderCreated(order_id=7, user_id=3, total=Decimal("28.00"), items=ITEMS)
PAID = PaymentProcessed(order_id=7, amount=Decimal("28.00"), status="success", provider_ref="ch_1")
DECLINED = PaymentProcessed(order_id=7, amount=Decimal("28.00"), status="failed", reason="no money")
RESERVED = InventoryReserved(order_id=7, items=ITEMS)
REJECTED = InventoryRejected(order_id=7, sku="mug", reason="none left")
CONFIRMED = OrderConfirmed(order_id=7, user_id=3, total=Decimal("28.00"), items=ITEMS)
CANCELLED = OrderCancelled(order_id=7, user_id=3, reason="changed my mind")
ANSWERS = [PAID, DECLINED, RESERVED, REJECTED]
LATER = [
    PaymentRefunded(order_id=7, amount=Decimal("28.00"), provider_ref="re_1"),
    InventoryReleased(order_id=7, items=ITEMS),
    NotificationSent(order_id=7, user_id=3, subject="x"),
]


@pytest.mark.parametrize(
    ("history", "decided"),
    [
        ([], []),
        ([CREATED], []),
        ([CREATED, PAID], []),
        ([CREATED, RESERVED], []),
        ([CREATED, PAID, RESERVED], ["OrderConfirmed"]),
        ([CREATED, REJECTED, PAID], ["OrderCancelled"]),
        ([CREATED, DECLINED, RESERVED], ["OrderCancelled"]),
        ([CREATED, PAID, RESERVED, CONFIRMED], []),
        ([CREATED, CANCELLED, PAID, RESERVED], []),
    ],
)
def test_what_the_answers_amount_to(history: list[Event], decided: list[str]) -> None:
    assert [type(event).__name__ for event in decide(fold(history), Settle())] == decided


def test_the_first_refusal_is_the_reason() -> None:
    (cancelled,) = decide(fold([CREATED, REJECTED, DECLINED]), Settle())
    assert isinstance(cancelled, OrderCancelled)
    assert (cancelled.order_id, cancelled.user_id, cancelled.reason) == (7, 3, "none left")


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ([], "no such order"),
        ([CREATED, PAID, RESERVED, CONFIRMED], "confirmed already"),
        ([CREATED, CANCELLED], "cancelled already"),
    ],
)
def test_what_is_decided_can_not_be_cancelled(history: list[Event], why: str) -> None:
    with pytest.raises(NotPossible, match=why):
        decide(fold(history), Cancel("changed my mind"))


def _run(commands: list[Event | Settle | Cancel]) -> list[Event]:
    """A stream as it grows: events that come from outside, and decisions made in between."""
    stream: list[Event] = [CREATED]
    for command in commands:
        if isinstance(command, Event):
            stream.append(command)
            continue
        try:
            stream.extend(decide(fold(stream), command))
        except NotPossible:
            continue
    return stream


@given(st.lists(st.sampled_from([*ANSWERS, *LATER, Settle(), Cancel("no")]), max_size=12))
def test_whatever_happens_it_is_decided_once_and_stays_so(commands: list[Event]) -> None:
    stream = _run(commands)
    decisions = [e for e in stream if isinstance(e, OrderConfirmed | OrderCancelled)]
    assert len(decisions) <= 1
    order = fold(stream)
    if decisions:
        assert order.status == (
            "confirmed" if decisions[0].__class__ is OrderConfirmed else "cancelled"
        )
        assert decide(order, Settle()) == []
    else:
        assert order.status == "open"
        if order.payment and order.stock:
            assert len(decide(order, Settle())) == 1


@given(st.lists(st.sampled_from([CREATED, *ANSWERS, *LATER, CONFIRMED, CANCELLED]), max_size=8))
def test_folding_goes_on_from_any_point(history: list[Event]) -> None:
    for cut in range(len(history) + 1):
        order = fold(history[:cut])
        for event in history[cut:]:
            order = evolve(order, event)
        assert order == fold(history)
    assert fold([]) == Order()


@pytest.fixture
def placed(customer: User, shelf: None) -> int:
    items = [{"sku": "mug", "quantity": 1}]
    return orders.place_order(customer, items, str(uuid4())).order_id


@pytest.mark.django_db(transaction=True)
class TestCancelling:
    """The command, with the processors around it."""

    def test_an_open_order_is_cancelled_and_undone(self, customer: User, placed: int) -> None:
        orders.cancel_order(customer, placed)
        settle()
        types = [event.type for event in read_stream(f"order-{placed}")]
        assert types.count("OrderCancelled") == 1
        assert "OrderConfirmed" not in types
        assert Charge.objects.get(order_id=placed).refunded
        assert Reservation.objects.get(order_id=placed).released
        assert list(verify()) == []

    def test_it_is_caused_by_the_order(self, customer: User, placed: int) -> None:
        orders.cancel_order(customer, placed)
        created, cancelled = read_stream(f"order-{placed}")
        assert cancelled.causation_id == created.id
        assert cancelled.correlation_id == created.correlation_id

    def test_a_confirmed_order_is_not(self, customer: User, placed: int) -> None:
        settle()
        with pytest.raises(orders.OrderRefused, match="confirmed already"):
            orders.cancel_order(customer, placed)
        assert not Row.objects.filter(type="OrderCancelled").exists()

    def test_nor_is_that_of_somebody_else(self, placed: int) -> None:
        other = User.objects.create_user("other")
        with pytest.raises(orders.OrderRefused, match="You have no order"):
            orders.cancel_order(other, placed)

    def test_confirming_and_cancelling_at_once_decides_once(
        self, customer: User, shelf: None
    ) -> None:
        items = [{"sku": "mug", "quantity": 1}]
        ids = [orders.place_order(customer, items, f"race-{n}").order_id for n in range(8)]
        refused: list[int] = []

        def cancel_all() -> None:
            for order_id in ids:
                try:
                    orders.cancel_order(customer, order_id)
                except orders.OrderRefused:
                    refused.append(order_id)

        _at_once(cancel_all, settle)
        settle()
        for order_id in ids:
            types = [event.type for event in read_stream(f"order-{order_id}")]
            decisions = [t for t in types if t in ("OrderConfirmed", "OrderCancelled")]
            assert decisions == ["OrderConfirmed" if order_id in refused else "OrderCancelled"]
        assert list(verify()) == []

    def test_a_stream_that_grew_is_decided_on_again(
        self, customer: User, placed: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """``confirmation`` reads, the customer cancels, ``confirmation`` wants to append."""
        from flowdeck.declare.registry import registry
        from processors import confirmation

        real, once = confirmation.read_streams, iter([True])

        def read_then_cancel(names: object) -> object:
            histories = real(names)  # type: ignore[arg-type]
            if any(len(history) == 3 for history in histories.values()) and next(once, False):
                _at_once(lambda: orders.cancel_order(customer, placed))
            return histories

        if connection.vendor == "sqlite":  # one writer at a time: nobody can come in between
            orders.cancel_order(customer, placed)
        monkeypatch.setattr(confirmation, "read_streams", read_then_cancel)
        settle()
        assert registry.processor("confirmation").batch
        types = [event.type for event in read_stream(f"order-{placed}")]
        assert [t for t in types if t.startswith("OrderC")] == ["OrderCreated", "OrderCancelled"]
        assert not Row.objects.filter(type="OrderConfirmed").exists()


def _at_once(*works: Callable[[], object]) -> None:
    """Do all of it in threads of their own; what any of them raises fails the test."""
    faults: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
