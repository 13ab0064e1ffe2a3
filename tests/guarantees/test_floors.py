"""H5: no delivery that somebody is to work on is below its lane's floor, at any commit.

Whatever changes that while a floor is raised is tried here; `test_any_history` tries it at random.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from flowdeck import clock, publish, telemetry
from flowdeck.alerts.measure import measure
from flowdeck.declare.registry import registry, slot_of
from flowdeck.engine import drain, lanes, sweep
from flowdeck.letters import dead_letters, floors
from flowdeck.models import AlertRule, Due, Lane, Settled
from flowdeck.verification import verify
from tests.guarantees.test_order_per_key import sequences
from tests.probe.events import Probed
from tests.probe.models import Effect
from tests.telling import heard
from tests.under_way import open_transaction

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

LANE = slot_of("held") // 64
"""Its number: there are 16, of 64 slots each."""


def in_the_lane(prefix: str, number: int) -> list[str]:
    """Names of streams of the lane that ``held`` is in."""
    found: list[str] = []
    n = 0
    while len(found) < number:
        n += 1
        if slot_of(name := f"{prefix}-{n}") // 64 == LANE:
            found.append(name)
    return found


def drained() -> int:
    return drain.drain(registry.processor("probe.atomic"), seconds=30)


def settled() -> None:
    """Note what is settled, often enough for all that has ended by now."""
    floors.note_settled()
    floors.note_settled()


def floor() -> int:
    return Lane.objects.get(processor="probe.atomic", first_slot=LANE * 64).floor


def raised(by: int = 3) -> None:
    """The floor of the lane rises above all that is there."""
    before = floor() if Lane.objects.exists() else 0
    for stream in in_the_lane("done", by):
        publish(Probed(n=1), stream=stream)
        settled()
        drained()
    assert floor() > before


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of one delivery, as many as there are."""
    monkeypatch.setattr(drain._Pace, "batch_size", 1)
    monkeypatch.setattr(lanes, "KEPT_SECONDS", 60.0)


def test_a_floor_passes_nothing_that_is_still_to_come() -> None:
    raised()
    with open_transaction(lambda: publish(Probed(n=1), stream="held")) as commit:
        raised_past_it = in_the_lane("later", 4)
        for stream in raised_past_it:
            publish(Probed(n=1), stream=stream)
            settled()
            assert drained() == 1
        commit()
    assert floors.wrong() == []
    assert drained() == 1
    assert sequences("probe.atomic")["held"] == [1]


def test_what_appends_nothing_holds_no_floor() -> None:
    """A dump or a report may stay open for hours."""
    raised()
    with open_transaction(lambda: Effect.objects.exists()):
        raised()


def test_what_waits_for_its_time_holds_the_floor() -> None:
    publish(Probed(n=1), stream="held")
    Due.objects.update(state="retrying", due_at=clock.now() + timedelta(hours=1))
    for stream in in_the_lane("done", 3):
        publish(Probed(n=1), stream=stream)
        settled()
        assert drained() == 1
    Due.objects.update(due_at=clock.now() - timedelta(seconds=1))
    assert floors.wrong() == []
    assert drained() == 1


def discard(letter: int) -> None:
    dead_letters.discard([letter], by="tester", reason="test")


def retry(letter: int) -> None:
    dead_letters.retry([letter], by="tester")


@pytest.mark.parametrize(("act", "handled"), [(discard, [2]), (retry, [])])
def test_who_makes_something_due_by_hand_lowers_the_floor(
    act: Callable[[int], None], handled: list[int]
) -> None:
    publish(Probed(n=1, rejects="probe.atomic"), Probed(n=2), stream="held")
    drained()
    raised()
    assert floor() > Due.objects.filter(processor="probe.atomic").latest("event_id").event_id
    act(dead_letters.dead().get(processor="probe.atomic").letter)
    assert floors.wrong() == []
    assert drained() == 1, "the letter again, or what waited behind it"
    assert sequences("probe.atomic").get("held", []) == handled


def test_who_keeps_a_lane_hears_that_its_floor_was_lowered(one_by_one: None) -> None:
    """Or it would pass by what became due, and take what waited behind it."""
    publish(Probed(n=1, rejects="probe.atomic"), stream="held")
    drained()
    raised()
    for stream in in_the_lane("next", 4):
        publish(Probed(n=1), stream=stream)
    publish(Probed(n=2), stream="held")
    settled()
    letter = dead_letters.dead().get(processor="probe.atomic")
    acted: list[int] = []

    def act(told: telemetry.Settled) -> None:
        if not acted and len(sequences("probe.atomic")) > 4:
            acted.append(letter.event_id)
            retry(letter.letter)

    with heard(telemetry.Settled, act):
        drained()
    assert acted
    again = Due.objects.get(processor="probe.atomic", event_id=letter.event_id)
    assert (again.state, again.attempts) == ("dead", 2)
    assert "held" not in sequences("probe.atomic"), "it waits behind the letter"


def test_a_lowered_floor_is_not_raised_by_who_leaves_the_lane() -> None:
    publish(Probed(n=1, rejects="probe.atomic"), stream="held")
    drained()
    raised()
    publish(Probed(n=1), stream=in_the_lane("next", 1)[0])
    settled()
    kept = lanes.claim(registry.processor("probe.atomic"), 16)
    assert kept is not None
    drain.batch.run(registry.processor("probe.atomic"), kept, 10)
    retry(dead_letters.dead().get(processor="probe.atomic").letter)
    lanes.leave(kept)
    assert floors.wrong() == []


def test_a_wrong_floor_is_found_told_and_lowered() -> None:
    raised()
    publish(Probed(n=1), stream="held")
    Lane.objects.filter(processor="probe.atomic").update(floor=1_000_000)
    assert drained() == 0
    assert "no work below a lane's floor" in {one.check for one in verify()}
    told: list[telemetry.FloorWrong] = []
    with heard(telemetry.FloorWrong, told.append):
        sweep.Sweeper().tick()
    assert [one.processor for one in told] == ["probe.atomic"]
    drained()
    assert sequences("probe.atomic")["held"] == [1]
    assert measure(AlertRule(kind=AlertRule.Kind.FLOOR, processor="probe.atomic")).value == 1


def test_floors_go_on_in_a_copy_on_another_server() -> None:
    """Transactions have other numbers there, and those of before would never end."""
    raised()
    Settled.objects.update(bound=2**60)
    raised(4)
