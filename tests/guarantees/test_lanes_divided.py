"""Invariant 5 while the lanes of a processor are divided anew: in order, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.management import call_command

from flowdeck import Delivery, clock, processor, publish
from flowdeck.checks.database import divided_lanes
from flowdeck.declare.registry import registry
from flowdeck.engine import dividing, lanes
from flowdeck.engine.drain import drain
from flowdeck.errors import LanesNotDivided
from flowdeck.models import AuditEntry, Lane, ProcessorState
from flowdeck.models import Delivery as Row
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.guarantees.test_replayable import in_the_background
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Effect
from tests.probe.processors import effect

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "probe.divided"
BY, WHY = "lena", "more hands"


@pytest.fixture(params=[True, False], ids=["atomic", "leased"])
def divided(request: pytest.FixtureRequest) -> Iterator[str]:
    @processor(NAME, atomic=request.param)
    def handle(event: Probed, delivery: Delivery) -> None:
        effect(delivery).save()

    lanes.create_missing([registry.processor(NAME)])
    yield NAME
    registry.remove_processor(NAME)
    lanes.forget_created()


def seen() -> dict[str, list[int]]:
    by_stream: dict[str, list[int]] = {}
    found = Effect.objects.filter(processor=NAME).order_by("id")
    for stream, sequence in found.values_list("stream", "sequence"):
        by_stream.setdefault(stream, []).append(sequence)
    return by_stream


def test_in_order_and_nothing_twice_whatever_the_lanes_become_under_load(divided: str) -> None:
    def say(n: int) -> None:
        publish(*[Probed(n=n) for _ in range(3)], stream=f"probe-{n % 40}")

    def work(n: int) -> None:
        drain(registry.processor(divided))

    with ExitStack() as running:
        for each in (say, work, work):
            running.enter_context(in_the_background(each))
        for count in (2, 32, 16, 2, 32):
            done = Effect.objects.filter(processor=divided).count()
            dividing.divide(divided, count, by=BY, reason=WHY)
            assert Lane.objects.filter(processor=divided).count() == count
            eventually(lambda: Effect.objects.filter(processor=divided).count() > done)  # noqa: B023
    settle()
    for sequences in seen().values():
        assert sequences == list(range(1, len(sequences) + 1))
    assert not Row.objects.filter(processor=divided).exclude(state="done").exists()
    assert not ProcessorState.objects.exclude(paused_at=None).exists()
    assert [one.detail for one in verify() if divided in one.detail] == []
    assert AuditEntry.objects.filter(action="divide lanes", who=BY, reason=WHY).count() == 5


def test_a_call_in_the_air_is_waited_for(divided: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdeck.engine.dividing._LEASES", 0)
    one = Lane.objects.filter(processor=divided).earliest("pk")
    until = clock.now() + timedelta(minutes=1)
    Lane.objects.filter(pk=one.pk).update(
        token=uuid4(), lease_expires_at=until, worker="elsewhere:1"
    )
    with pytest.raises(LanesNotDivided, match="has not ended a call"):
        dividing.divide(divided, 2, by=BY, reason=WHY)
    assert Lane.objects.filter(processor=divided).count() == 16
    assert not ProcessorState.objects.exclude(paused_at=None).exists()


def test_check_says_that_the_lanes_are_others_and_the_remedy(divided: str) -> None:
    dividing.divide(divided, 2, by=BY, reason=WHY)
    (found,) = (one for one in divided_lanes(["default"]) if divided in one.msg)
    assert "16 lanes and has 2" in found.msg
    call_command("flowdeck", "processors", "divide", divided, "--reason", WHY)
    assert [one for one in divided_lanes(["default"]) if divided in one.msg] == []
