"""Invariant 3 in a rolling deploy: a new processor misses nothing of those who do not know it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import pytest

from flowdeck import Delivery, processor, publish
from flowdeck.declare.registry import Registry, Starts, Subscription, registry
from flowdeck.engine import lanes
from flowdeck.engine.drain import drain
from flowdeck.log.positions import newest_position
from flowdeck.models import Due, Event, Lane
from flowdeck.models import Subscription as Row
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.guarantees.test_replayable import in_the_background
from tests.polling import eventually
from tests.probe.events import Probed
from tests.probe.models import Effect
from tests.probe.processors import effect
from tests.under_way import open_transaction

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "probe.unheard_of"
STREAMS = 5


class _Age(threading.local):
    """Whether this thread publishes as code does that is older than the processor."""

    old = False


AGE = _Age()


@pytest.fixture(autouse=True)
def _old_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    known = Registry.fan_out

    def fan_out(self: Registry, type_names: Iterable[str]) -> list[Subscription]:
        return [one for one in known(self, type_names) if not (AGE.old and one.processor == NAME)]

    monkeypatch.setattr(Registry, "fan_out", fan_out)
    yield
    registry.remove_processor(NAME)
    lanes.forget_created()


def declare(starts: Starts = "now") -> None:
    @processor(NAME, starts=starts)
    def heard(event: Probed, delivery: Delivery) -> None:
        effect(delivery).save()


def publish_as_old(n: int) -> int:
    AGE.old = True
    try:
        return publish(Probed(n=n), stream=f"probe-{n % STREAMS}").positions[0]
    finally:
        AGE.old = False


def begin() -> None:
    """What a worker of newer code does before its first claim."""
    lanes.create_missing([registry.processor(NAME)])


def positions() -> list[int]:
    """Those that it has handled, as it did."""
    return list(
        Effect.objects.filter(processor=NAME).order_by("id").values_list("position", flat=True)
    )


def in_order() -> bool:
    seen: dict[str, int] = {}
    for stream, sequence in (
        Effect.objects.filter(processor=NAME).order_by("id").values_list("stream", "sequence")
    ):
        if seen.get(stream, 0) >= sequence:
            return False
        seen[stream] = sequence
    return True


def faults() -> list[str]:
    return [one.detail for one in verify() if NAME in one.detail]


def test_nothing_is_missed_of_publishers_of_both_ages() -> None:
    """Both publish, one of the old has an append open, while its first worker starts and works."""
    published = {True: 0, False: 0}

    def old(n: int) -> None:
        published[True] = publish_as_old(n)

    def new(n: int) -> None:
        published[False] = publish(Probed(n=n), stream=f"probe-{n % STREAMS}").positions[0]

    with in_the_background(old), in_the_background(old):
        eventually(lambda: published[True])
        declare()
        with in_the_background(new):
            eventually(lambda: published[False])
            first = Due.objects.filter(processor=NAME).order_by("event_id").first()
            assert first is not None
            begin()
            known = newest_position()
            eventually(
                lambda: (
                    drain(registry.processor(NAME))
                    and min(published.values()) > known
                    and len(positions()) > 50
                )
            )
    settle()
    wanted = Event.objects.filter(type="Probed", position__gte=first.event_id)
    assert sorted(positions()) == sorted(wanted.values_list("position", flat=True))
    assert in_order()
    assert faults() == []


@pytest.mark.postgres  # on SQLite nobody appends before the other has committed
def test_it_does_not_begin_before_an_append_under_way_that_can_not_know_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declare(starts="beginning")
    with open_transaction(lambda: publish_as_old(1)) as commit:
        with monkeypatch.context() as hurried:
            hurried.setattr("flowdeck.engine.backfill._PATIENCE", 0.0)
            begin()
        assert not Lane.objects.filter(processor=NAME).exists()
        after = publish_as_old(2)
        commit()
    begin()
    drain(registry.processor(NAME))
    assert len(positions()) == 2
    assert max(positions()) == after


@pytest.mark.parametrize("starts", ["now", "beginning", 2])
def test_it_starts_where_it_is_declared_to(starts: Starts) -> None:
    before = [publish_as_old(n) for n in range(3)]
    declare(before[1] if starts == 2 else starts)
    begin()
    after = publish_as_old(3)
    drain(registry.processor(NAME))
    wanted: dict[Starts, list[int]] = {"now": [], "beginning": before, 2: before[2:]}
    assert positions() == [*wanted[starts], after]
    assert faults() == []


def test_what_the_table_does_not_say_is_found_by_verify() -> None:
    declare()
    begin()
    Row.objects.filter(processor=NAME).update(type="Echoed")
    lost = publish_as_old(1)
    Row.objects.filter(processor=NAME).update(type="Probed")
    assert faults() == [f"event {lost} (Probed) has no delivery for {NAME}"]
