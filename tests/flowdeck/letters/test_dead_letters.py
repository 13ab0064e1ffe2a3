"""Retrying and discarding dead letters."""

from __future__ import annotations

import pytest

from flowdeck import publish
from flowdeck.letters import dead_letters
from flowdeck.models import Attempt, Delivery
from flowdeck.testing import settle
from tests.probe import processors
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def dead() -> Delivery:
    """A dead letter of probe.atomic with two deliveries parked behind it."""
    publish(Probed(n=1, fails=3, by="probe.atomic"), stream="held")
    publish(Probed(n=2), Probed(n=3), stream="held")
    settle()
    return Delivery.objects.get(state="dead")


def test_it_keeps_every_attempt_with_its_error(dead: Delivery) -> None:
    attempts = Attempt.objects.filter(event=dead.event_id)
    assert [attempt.number for attempt in attempts] == [1, 2, 3]
    assert {attempt.error for attempt in attempts} == {"ProbeError"}
    assert "attempt 3 of 1" in attempts[2].message
    assert "in behave" in attempts[2].frame
    assert "Traceback" in attempts[2].traceback
    assert len({attempt.fingerprint for attempt in attempts}) == 1


def test_after_mending_a_retry_un_parks_in_order(
    dead: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "behave", lambda event, delivery: None)
    assert dead_letters.retry([dead.letter], by="operator") == 1
    settle()
    handled = Effect.objects.filter(processor="probe.atomic").order_by("id")
    assert [effect.sequence for effect in handled] == [1, 2, 3]
    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("done", 4)


def test_without_mending_a_retry_is_one_more_attempt(
    dead: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def still_broken(event: Probed, delivery: object) -> None:
        raise processors.ProbeError("still broken")

    monkeypatch.setattr(processors, "behave", still_broken)
    dead_letters.retry([dead.letter], by="operator")
    settle()
    dead.refresh_from_db()
    assert (dead.state, dead.attempts) == ("dead", 4)


def test_discarding_goes_on_with_what_waited(dead: Delivery) -> None:
    assert dead_letters.discard([dead.letter], by="operator", reason="test order") == 1
    settle()
    handled = Effect.objects.filter(processor="probe.atomic").order_by("id")
    assert [effect.sequence for effect in handled] == [2, 3]


def test_the_second_operator_changes_nothing(dead: Delivery) -> None:
    assert dead_letters.discard([dead.letter], by="first", reason="mine") == 1
    assert dead_letters.retry([dead.letter], by="second") == 0
    dead.refresh_from_db()
    assert dead.state == "discarded"
