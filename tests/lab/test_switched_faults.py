"""Faults that somebody switched on: what they do, to whom, and that they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.contrib.auth.models import User

from events import orders
from events.models import OrderSummary
from flowdeck.bells import bell
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.models import Attempt, AuditEntry, Delivery
from flowdeck.testing import settle
from flowdeck.verification import verify
from lab import injection, shown
from lab.models import SwitchedFault
from lab.switched_faults import KINDS, FaultRefused, switch_off, switch_on, switched_on
from processors.models import Charge, ProviderCall, Stock
from tests.accounts import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelf")]


@pytest.fixture(autouse=True)
def hooked() -> None:
    injection.install()
    injection.look_again()


def order(user: User) -> OrderSummary:
    placed = orders.place_order(user, [{"sku": "mug", "quantity": 1}], str(uuid4()))
    settle()
    return OrderSummary.objects.get(order_id=placed.order_id)


def failures(processor: str) -> int:
    return Attempt.objects.filter(processor=processor).count()


@pytest.mark.parametrize("name", ["payment", "notification", "confirmation"])
def test_the_next_attempts_fail_and_then_no_more(customer: User, name: str) -> None:
    switch_on(customer, name, "fail_next", amount=2)
    assert order(customer).status == "confirmed"
    assert failures(name) == 2
    assert order(customer).status == "confirmed"
    assert failures(name) == 2
    assert not list(verify())


def test_nobody_else_feels_it(customer: User) -> None:
    other = User.objects.create_user("other")
    switch_on(customer, "notification", "poison")
    placed = [
        orders.place_order(user, [{"sku": "mug", "quantity": 1}], str(uuid4()))
        for user in (customer, other, customer, other)
    ]
    settle()
    dead = Delivery.objects.filter(state="dead").values_list("event__correlation_id", flat=True)
    assert set(dead) == {placed[0].correlation_id, placed[2].correlation_id}
    assert set(OrderSummary.objects.values_list("status", flat=True)) == {"confirmed"}


@pytest.mark.parametrize("name", ["payment", "inventory", "confirmation", "notification"])
def test_what_is_delivered_twice_counts_once(customer: User, name: str) -> None:
    switch_on(customer, name, "twice")
    assert order(customer).status == "confirmed"
    assert Charge.objects.count() == 1
    assert Stock.objects.get(sku="mug").available == 9
    assert not list(verify())


def test_a_provider_that_is_down_leaves_a_dead_letter_and_charges_nothing(customer: User) -> None:
    switch_on(customer, "payment", "provider_down")
    assert order(customer).status == "open"
    assert failures("payment") == 5
    assert not Charge.objects.exists()
    assert not ProviderCall.objects.exists()


def test_a_stopped_processor_goes_on_when_it_is_switched_off(customer: User) -> None:
    switch_on(customer, "inventory", "stop")
    with pytest.raises(AssertionError, match="snooze"):
        order(customer)
    assert failures("inventory") == 0
    assert switch_off(customer) == 1
    settle()
    assert OrderSummary.objects.get().status == "confirmed"


def test_a_slow_processor_uses_up_no_attempt(customer: User) -> None:
    switch_on(customer, "payment", "slow", amount=30)
    assert order(customer).status == "confirmed"
    delivery = Delivery.objects.get(processor="payment", event__type="OrderCreated")
    assert (delivery.finished_at - delivery.event.recorded_at).total_seconds() >= 0.03
    assert failures("payment") == 0


def test_messages_overtake_each_other_but_none_of_the_same_key(
    customer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, prompt = (
        orders.place_order(customer, [{"sku": "mug", "quantity": 1}], str(uuid4()))
        for _ in range(2)
    )
    monkeypatch.setattr(
        injection, "_draw", lambda _, delivery: delivery.envelope.stream == f"order-{late.order_id}"
    )
    switch_on(customer, "orders", "out_of_order", amount=5000)
    for name in ("payment", "inventory", "confirmation", "notification", "orders"):
        drain.drain(registry.processor(name))
    assert list(OrderSummary.objects.values_list("order_id", "status")) == [
        (prompt.order_id, "confirmed")
    ]
    switch_off(customer)
    settle()
    assert set(OrderSummary.objects.values_list("status", flat=True)) == {"confirmed"}
    assert failures("orders") == 0
    assert not list(verify())


def test_what_everybody_feels_stands_on_everybodys_pages(customer: User) -> None:
    learner = person("teacher")
    switch_on(customer, "payment", "lose_bell")
    switch_on(customer, "payment", "slow")
    (notice,) = shown.felt_faults(learner)
    assert notice.words == "payment: lose the bell, set by customer"
    assert len(shown.felt_faults(customer)) == 2


def test_switching_is_audited(customer: User) -> None:
    switch_on(customer, "payment", "slow", amount=20)
    switch_off(customer)
    entries = AuditEntry.objects.order_by("id").values_list("who", "action", "target")
    assert list(entries) == [
        ("customer", "fault_on", "payment: slow (20 ms)"),
        ("customer", "fault_off", "payment: slow (20 ms)"),
    ]


def test_emptying_redis_drops_what_is_ours_and_nothing_else(empty_redis: redis.Redis) -> None:
    empty_redis.set("somebody", "else")
    empty_redis.set(injection.death_key(7), "1234")
    bell.ring(["payment"])
    assert injection.empty_redis() >= 1
    assert sorted(empty_redis.keys()) == [b"flowdeck:killed:7", b"somebody"]


def test_now_and_then_is_drawn_anew_for_each_attempt(customer: User) -> None:
    switch_on(customer, "payment", "fail_often", amount=100)
    order(customer)
    assert Delivery.objects.get(state="dead").attempts == 5


def test_a_lost_bell_changes_nothing_but_the_time(customer: User) -> None:
    switch_on(customer, "payment", "lose_bell")
    assert injection.muffled("payment")
    assert not injection.muffled("inventory")
    assert bell.ring(["payment"])
    assert order(customer).status == "confirmed"


def test_it_ends_by_itself(customer: User) -> None:
    fault = switch_on(customer, "payment", "poison", seconds=60)
    assert [one.pk for one in switched_on(customer)] == [fault.pk]
    SwitchedFault.objects.update(ends_at=datetime.now(UTC) - timedelta(seconds=1))
    injection.look_again()
    assert switched_on(customer) == []
    assert order(customer).status == "confirmed"


def test_the_same_again_replaces_it_and_others_faults_stay(customer: User) -> None:
    other = User.objects.create_user("other")
    switch_on(other, "payment", "slow")
    switch_on(customer, "payment", "slow")
    switch_on(customer, "payment", "slow", amount=10)
    assert [fault.amount for fault in switched_on(customer)] == [10]
    assert switch_off(customer, switched_on(other)[0].pk) == 0
    assert switch_off(customer) == 1
    assert len(switched_on(other)) == 1


def test_outside_of_demo_mode_there_are_none(customer: User, settings: Any) -> None:
    switch_on(customer, "payment", "poison")
    settings.DEMO = False
    assert order(customer).status == "confirmed"
    assert switched_on(customer) == []
    with pytest.raises(FaultRefused, match="demo mode"):
        switch_on(customer, "payment", "poison")


@pytest.mark.parametrize(
    ("processor", "kind", "more", "says"),
    [
        ("payment", "magic", {}, "no fault"),
        ("nobody", "slow", {}, "can't be set"),
        ("inventory", "provider_down", {}, "can't be set"),
        ("payment", "slow", {"amount": 6000}, "1 to 5000"),
        ("payment", "slow", {"seconds": 0}, "1 to 600"),
    ],
)
def test_what_makes_no_sense_is_refused(
    customer: User, processor: str, kind: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(FaultRefused, match=says):
        switch_on(customer, processor, kind, **more)
    assert not SwitchedFault.objects.exists()


def test_every_kind_says_what_it_means() -> None:
    assert all(kind.meaning and kind.title for kind in KINDS.values())
