"""Complex event processing in the shop: by event time, with late events, one suspicion each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from events import orders
from flowdeck import clock
from flowdeck.models import Event, ProcessInstance, ProcessStep
from flowdeck.process_managers import retention
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.accounts import person, signed_in

MUG = [{"sku": "mug", "quantity": 1}]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, shelf: None) -> None:
    monkeypatch.setattr("processors.gateway._take_time", lambda seconds: None)


def decline(user: User, *scenarios: str) -> list[int]:
    placed = orders.place_many(user, [(MUG, scenario) for scenario in scenarios])
    settle()
    return placed


def suspicions() -> list[dict]:
    found = Event.objects.filter(type="FraudSuspected").order_by("position")
    return list(found.values_list("data", flat=True))


def watched(user: User) -> ProcessInstance:
    return ProcessInstance.objects.get(process="fraud", key=str(user.pk))


def test_three_declined_orders_raise_one_suspicion(customer: User) -> None:
    placed = decline(customer, *["declined_at_once"] * 3)
    (found,) = suspicions()
    assert (found["user_id"], sorted(found["order_ids"])) == (customer.pk, placed)
    suspicion = Event.objects.get(type="FraudSuspected")
    causes = Event.objects.filter(
        id__in=[suspicion.causation_id, *suspicion.metadata["also_caused_by"]]
    )
    assert {one.type for one in causes} == {"PaymentProcessed"}
    assert sorted(one.data["order_id"] for one in causes) == placed
    assert suspicion.stream == f"user-{customer.pk}"
    decline(customer, "declined_at_once")
    assert len(suspicions()) == 1
    decline(customer, "declined_at_once", "declined_at_once")
    assert len(suspicions()) == 2
    assert not list(verify())


def test_failures_of_different_users_are_not_added_up(customer: User) -> None:
    other = User.objects.create_user("other")
    decline(customer, *["declined_at_once"] * 2)
    decline(other, "declined_at_once", "")
    assert suspicions() == []


def test_the_time_of_the_event_counts_and_not_that_of_its_arrival(customer: User) -> None:
    placed = decline(customer, "declined_at_once", "declined_3_min_ago", "declined_at_once")
    assert suspicions() == []
    late = decline(customer, "declined_20_s_ago")
    assert sorted(suspicions()[0]["order_ids"]) == [placed[0], placed[2], *late]


def test_what_comes_after_its_window_closed_is_counted_and_changes_nothing(customer: User) -> None:
    decline(customer, "declined_at_once")
    decline(customer, "declined_10_min_ago")
    state = watched(customer).state
    assert (state["too_late"], len(state["seen"])) == (1, 1)
    assert ProcessStep.objects.filter(process="fraud", note="too late").count() == 1
    operator = signed_in(person("operator"))
    page = operator.get("/processes/fraud/", {"selected": customer.pk, "stop": 1}).content.decode()
    assert "changed nothing: 1 too late" in page
    assert "What is known of this key is forgotten" in page


def test_whom_nothing_comes_of_is_forgotten(customer: User) -> None:
    decline(customer, "declined_at_once")
    ProcessInstance.objects.update(changed_at=clock.now() - timedelta(days=31))
    retention.forget_ended()
    assert not ProcessInstance.objects.filter(process="fraud").exists()
