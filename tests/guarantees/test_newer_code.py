"""Invariant 3 in a rolling deploy: what this code does not know waits for code that does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flowdeck import clock, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import drain
from flowdeck.models import Attempt, Delivery, Due, Subscription
from flowdeck.testing import settle
from flowdeck.verification import verify
from flowdeck.why import ask
from tests.probe.events import Echoed, Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ("probe.atomic", "probe.batch", "probe.leased")


@pytest.fixture(autouse=True)
def _as_declared() -> Iterator[None]:
    known = dict(registry.event_types)
    yield
    registry.event_types.update(known)


def older() -> None:
    """From here on this is code of the version before."""
    known = registry.event_types["Probed"]
    registry.event_types["Probed"] = replace(known, version=known.version - 1)


def without() -> None:
    """From here on this is code that does not declare the type yet."""
    del registry.event_types["Probed"]


def time_passes() -> None:
    Due.objects.filter(state="sleeping").update(due_at=clock.now())


@pytest.mark.parametrize("become", [older, without])
def test_an_event_that_only_newer_code_knows_waits_for_it(become: Callable[[], None]) -> None:
    known = registry.event_types["Probed"]
    first = publish(Probed(n=1), Probed(n=2), stream="probe-1").positions
    become()
    for _ in range(3):
        drain.drain_all()
        waiting = Due.objects.filter(processor__in=KINDS)
        assert {(one.state, one.attempts) for one in waiting.filter(event_id=first[0])} == {
            ("sleeping", 0)
        }
        assert waiting.filter(event_id=first[1]).count() == len(KINDS)
        time_passes()
    assert not Attempt.objects.exists()
    assert any("probe.atomic wait for code that knows Probed v1" in o.detail for o in verify())
    said = ask.why("probe.leased")
    assert "waits for code that knows Probed" in str(said)
    registry.event_types["Probed"] = known
    settle()
    done = Effect.objects.filter(processor="probe.atomic").order_by("id")
    assert list(done.values_list("position", flat=True)) == list(first)
    assert list(verify()) == []


def test_it_does_not_wait_for_ever(settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "UNKNOWN_KEPT_HOURS": 0}
    publish(Probed(n=1), stream="probe-1")
    older()
    settle()
    dead = Due.objects.filter(processor="probe.leased")
    assert [one.state for one in dead] == ["dead"]
    assert Attempt.objects.filter(processor="probe.leased").last().error == "UnknownVersion"


@pytest.mark.parametrize("name", KINDS)
def test_what_only_others_have_it_hear_waits_for_them_or_is_over(name: str) -> None:
    told = Subscription(type="Echoed", processor=name, seen_at=clock.now())
    Subscription.objects.bulk_create([told])
    position = publish(Echoed(n=1, by=""), stream="probe-1").positions[0]
    drain.drain_all()
    row = Delivery.objects.get(processor=name, event_id=position)
    assert (row.state, row.attempts) == ("sleeping", 0)
    Subscription.objects.update(seen_at=clock.now() - timedelta(minutes=6))
    time_passes()
    settle()
    assert Delivery.objects.get(processor=name, event_id=position).state == "done"
    assert not Effect.objects.filter(processor=name).exists()


def test_the_bell_of_a_processor_of_other_code_is_no_error() -> None:
    drain.answer_bell("probe.unheard_of")
