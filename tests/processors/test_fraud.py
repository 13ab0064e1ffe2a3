"""Complex event processing: windows by event time, late events, one suspicion a window."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from events import orders
from flowdeck.models import Event
from flowdeck.testing import settle
from flowdeck.verification import verify
from processors import fraud
from processors.fraud import Failure, is_too_late, suspicious
from processors.models import FraudWatch

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MUG = [{"sku": "mug", "quantity": 1}]


def failure(second: float, order_id: int = 0) -> Failure:
    return Failure(order_id or int(second), NOON + timedelta(seconds=second))


def test_three_within_a_minute_are_a_window_and_two_are_not() -> None:
    known = [failure(0), failure(30)]
    assert suspicious(known, failure(60)) == [*known, failure(60)]
    assert suspicious(known, failure(61)) == []
    assert suspicious(known[:1], failure(60)) == []


def test_a_late_one_completes_the_window_it_belongs_to() -> None:
    known = [failure(10), failure(50), failure(200)]
    assert suspicious(known, failure(30)) == [failure(10), failure(30), failure(50)]
    assert suspicious(known, failure(100)) == []


def test_what_is_later_than_the_lateness_is_too_late() -> None:
    assert not is_too_late([], failure(0))
    assert not is_too_late([failure(300)], failure(0))
    assert is_too_late([failure(301)], failure(0))


def test_whatever_the_order_of_arrival_as_many_windows_are_found_as_fit() -> None:
    """Three close ones among many far apart: found once, in every order of arrival."""
    draw = random.Random(3)
    for _ in range(200):
        alone = [failure(n * 100, n + 1) for n in range(3)]
        start = draw.choice((430, 480))
        close = [failure(start + n * 10, n + 10) for n in range(3)]
        arrivals = draw.sample([*alone, *close], 6)
        found = [suspicious(arrivals[:n], arrivals[n]) for n in range(6)]
        assert [window for window in found if window] == [close]


@pytest.mark.django_db(transaction=True)
class TestInTheShop:
    def decline(self, user: User, *scenarios: str) -> list[int]:
        placed = orders.place_many(user, [(MUG, scenario) for scenario in scenarios])
        settle()
        return placed

    def suspicions(self) -> list[dict]:
        found = Event.objects.filter(type="FraudSuspected").order_by("position")
        return list(found.values_list("data", flat=True))

    @pytest.fixture(autouse=True)
    def at_once(self, monkeypatch: pytest.MonkeyPatch, shelf: None) -> None:
        monkeypatch.setattr("processors.gateway._take_time", lambda seconds: None)

    def test_three_declined_orders_raise_one_suspicion(self, customer: User) -> None:
        placed = self.decline(customer, *["declined_at_once"] * 3)
        (found,) = self.suspicions()
        assert (found["user_id"], sorted(found["order_ids"])) == (customer.pk, placed)
        cause = Event.objects.get(id=Event.objects.get(type="FraudSuspected").causation_id)
        assert cause.type == "PaymentProcessed"
        self.decline(customer, "declined_at_once")
        assert len(self.suspicions()) == 1
        self.decline(customer, "declined_at_once", "declined_at_once")
        assert len(self.suspicions()) == 2
        assert not list(verify())

    def test_failures_of_different_users_are_not_added_up(self, customer: User) -> None:
        other = User.objects.create_user("other")
        self.decline(customer, *["declined_at_once"] * 2)
        self.decline(other, "declined_at_once", "")
        assert self.suspicions() == []

    def test_the_time_of_the_event_counts_and_not_that_of_its_arrival(self, customer: User) -> None:
        placed = self.decline(
            customer, "declined_at_once", "declined_3_min_ago", "declined_at_once"
        )
        assert self.suspicions() == []
        late = self.decline(customer, "declined_20_s_ago")
        assert sorted(self.suspicions()[0]["order_ids"]) == [placed[0], placed[2], *late]

    def test_what_comes_after_its_window_closed_is_counted_and_changes_nothing(
        self, customer: User
    ) -> None:
        self.decline(customer, "declined_at_once")
        self.decline(customer, "declined_10_min_ago")
        watch = FraudWatch.objects.get(user_id=customer.pk)
        assert (watch.too_late, len(watch.failures)) == (1, 1)

    def test_what_is_out_of_every_window_is_forgotten(self, customer: User) -> None:
        long_ago = NOON.isoformat()
        FraudWatch.objects.create(user_id=customer.pk, failures=[(1, long_ago)])
        (order_id,) = self.decline(customer, "declined_at_once")
        watch = FraudWatch.objects.get(user_id=customer.pk)
        assert [number for number, _ in watch.failures] == [order_id]
        assert fraud.WINDOW < fraud.LATENESS
