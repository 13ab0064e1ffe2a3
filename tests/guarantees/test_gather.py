"""What comes for a key in quick succession is one call, in order, and takes effect once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from flowdeck import Delivery as Delivered
from flowdeck import Gather, Retry, clock, publish
from flowdeck.conf import conf
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine import drain
from flowdeck.errors import RegistrationError
from flowdeck.models import Delivery, Due, Lane
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
Calls = list[list[int]]
Declare = Callable[..., tuple[Processor, Calls]]
NAME = "test.gathering"


@pytest.fixture
def gathering() -> Iterator[Declare]:
    """Declares a processor that gathers; what it was called with comes with it."""

    def declared(gather: Gather, fails: int = 0, **options: object) -> tuple[Processor, Calls]:
        calls: Calls = []

        def handle(events: list[Probed], deliveries: list[Delivered]) -> None:
            keys = {one.envelope.key for one in deliveries}
            assert len(keys) == 1
            for one in deliveries:
                envelope = one.envelope
                Effect.objects.create(
                    processor=NAME,
                    stream=envelope.stream,
                    sequence=envelope.sequence,
                    position=envelope.position,
                    attempt=one.attempt,
                )
            if keys == {"bad"} and deliveries[0].attempt <= fails:
                raise ValueError("not yet")
            calls.append([event.n for event in events])

        made = declare(NAME, handle, batch=True, gather=gather, **options)
        registry.add_processor(made)
        return made, calls

    yield declared
    registry.remove_processor(NAME)


def pass_by(seconds: float, **which: object) -> None:
    """Let time go by for what waits."""
    waiting = Due.objects.filter(processor=NAME, **which)
    waiting.update(due_at=F("due_at") - timedelta(seconds=seconds))


@pytest.mark.parametrize("atomic", [True, False])
def test_a_key_is_handed_over_whole_once_it_is_quiet(gathering: Declare, atomic: bool) -> None:
    processor, calls = gathering(Gather(quiet=30, most=100), atomic=atomic, lanes=1)
    publish(*[Probed(n=n) for n in range(3)], stream="a")
    publish(Probed(n=9), stream="b")
    assert drain.drain(processor) == 0
    assert NAME not in drain.due_processors(), "there is no point in looking yet"
    pass_by(31)
    publish(Probed(n=3), stream="a")  # and so that key is not quiet
    assert drain.drain(processor) == 1
    assert calls == [[9]]
    pass_by(31)
    assert drain.drain(processor) == 4
    assert calls == [[9], [0, 1, 2, 3]]
    assert set(Delivery.objects.filter(processor=NAME).values_list("state", flat=True)) == {"done"}


def test_the_first_waits_no_longer_than_said_however_many_come(gathering: Declare) -> None:
    processor, calls = gathering(Gather(quiet=30, most=100, count=4))
    publish(*[Probed(n=n) for n in range(2)], stream="long")
    pass_by(99)
    publish(Probed(n=2), stream="long")
    assert drain.drain(processor) == 0
    pass_by(2)
    publish(*[Probed(n=n) for n in range(10, 19)], stream="many")
    assert drain.drain(processor) == 3, "a hundred seconds are over for the first"
    pass_by(31, event_id=Due.objects.filter(processor=NAME).earliest("event_id").event_id)
    assert drain.drain(processor) == 4
    assert calls == [[0, 1, 2], [10, 11, 12, 13]], "so many are not waited for; the rest is"


@pytest.mark.parametrize("atomic", [True, False])
def test_a_call_that_fails_fails_whole_and_alone(gathering: Declare, atomic: bool) -> None:
    """Nothing of it is kept, what came meanwhile goes with it, and other keys go on."""
    at_once = Retry(max_attempts=2, base=30.0, jitter=False)
    processor, calls = gathering(
        Gather(quiet=30, most=30), fails=2, atomic=atomic, retry=at_once, lanes=1
    )
    publish(*[Probed(n=n) for n in range(2)], stream="bad")
    publish(*[Probed(n=n) for n in range(3)], stream="good")
    pass_by(31)
    drain.drain(processor)
    rows = Delivery.objects.filter(processor=NAME, event__stream="bad")
    assert calls == [[0, 1, 2]]
    assert list(rows.values_list("state", "attempts")) == [("retrying", 1)] * 2
    if atomic:
        assert not Effect.objects.filter(stream="bad").exists()
        assert Effect.objects.count() == 3
    publish(Probed(n=2), stream="bad")
    pass_by(29)
    assert drain.drain(processor) == 0, "what is to be tried again holds its key"
    pass_by(31)
    drain.drain(processor)
    states = list(rows.order_by("event_id").values_list("state", "attempts"))
    assert states == [("dead", 2)] * 2 + [("retrying", 1)]
    pass_by(60)
    assert drain.drain(processor) == 0, "dead letters hold their key"


def test_it_costs_as_many_round_trips_for_many_keys(gathering: Declare) -> None:
    processor, _ = gathering(Gather(quiet=30, most=30), lanes=1)
    silent = replace(processor, handler=lambda events: None, wants_delivery=False)

    def queries(keys: int) -> int:
        for key in range(keys):
            publish(Probed(), Probed(), stream=f"{keys}-{key}")
        pass_by(31)
        clock.now()
        with CaptureQueriesContext(connection) as seen:
            assert drain.drain(silent) == 2 * keys
        return len(seen)

    queries(1)
    assert queries(4) == queries(20)


def test_one_that_kills_its_worker_is_buried_with_what_it_was_called_with(
    gathering: Declare,
) -> None:
    processor, calls = gathering(Gather(quiet=30, most=30), lanes=1)
    publish(Probed(n=0), Probed(n=1), stream="deadly")
    publish(Probed(n=2), stream="fine")
    pass_by(31)
    drain.lanes.create_missing([processor])
    first = Due.objects.filter(processor=NAME).earliest("event_id").event_id
    long_ago = clock.now() - timedelta(minutes=1)
    lane = Lane.objects.filter(processor=NAME)
    lane.update(
        claims=conf().CRASHES + 3, suspect=first, suspected_at=long_ago, claimed_at=long_ago
    )
    drain.drain(processor)
    deadly = Delivery.objects.filter(processor=NAME, event__stream="deadly")
    assert list(deadly.values_list("state", flat=True)) == ["dead", "dead"]
    assert calls == [[2]]


@pytest.mark.parametrize(
    "wrong", [{"quiet": 0, "most": 1}, {"quiet": 5, "most": 4}, {"quiet": 1, "most": 2, "count": 1}]
)
def test_what_can_not_be_gathered_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RegistrationError):
        Gather(**wrong)  # type: ignore[arg-type]


def test_what_is_gathered_comes_as_a_list() -> None:
    def handle(event: Probed) -> None: ...

    with pytest.raises(RegistrationError, match="batch=True"):
        declare(NAME, handle, gather=Gather(quiet=1, most=2))
