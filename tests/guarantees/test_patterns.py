"""Events of a key say something together, or one that is missing does: once, and in time."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from flowdeck import Draft, Match, Seen, clock, pattern, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, timers
from flowdeck.errors import RegistrationError
from flowdeck.models import (
    AuditEntry,
    Delivery,
    Due,
    Event,
    ProcessInstance,
    ProcessStep,
    Timer,
)
from flowdeck.process_managers import retention
from flowdeck.process_managers.declared import flows
from flowdeck.process_managers.matching import Kept, Rule, Watch, take_in
from flowdeck.process_managers.replay import differences
from flowdeck.process_managers.stopping import stop
from flowdeck.testing import passes
from tests.probe.events import Echoed, Introduced, Keyed, Probed, Renamed

pytestmark = pytest.mark.django_db(transaction=True)
SEVERAL, MISSING = "probe.several", "probe.missing"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def patterns() -> Iterator[None]:
    @pattern(
        SEVERAL,
        key="by",
        within="1min",
        lateness="5min",
        of=[Seen(Probed, times=2, fails=0), Echoed],
        keep=("n",),
        stream="user-",
    )
    def several(match: Match) -> Renamed:
        """Two probes and an echo of one of them within a minute."""
        return Renamed(name=match.key, size=sum(match.values("n")))

    @pattern(MISSING, key="by", within="1h", lateness="5min", of=[Probed], without=[Echoed])
    def missing(match: Match) -> Renamed:
        """A probe that nothing echoes within an hour."""
        return Renamed(name=f"missing {match.key}", size=len(match.seen))

    yield
    for name in (SEVERAL, MISSING):
        registry.remove_processor(name)
        del flows[name]
    registry.event_types.pop(f"{MISSING}.WindowClosed")


def say(event: Any, ago: float = 0.0, stream: str = "") -> Event:
    """Publish what occurred so many seconds ago, in a stream and trace of its own."""
    happened = clock.now() - timedelta(seconds=ago)
    name = stream or f"s-{uuid4().hex}"
    receipt = publish(Draft(event, stream=name, occurred_at=happened))
    return Event.objects.get(position=receipt.positions[0])


def work(*names: str) -> None:
    for name in names or (SEVERAL, MISSING):
        drain.drain(registry.processor(name))


def found(name: str = SEVERAL) -> list[Event]:
    return list(Event.objects.filter(producer=name, type="Renamed").order_by("position"))


def test_events_of_several_streams_are_one_match_and_that_is_one_event() -> None:
    first, second = say(Probed(n=1, by="ann"), 30), say(Probed(n=2, by="ann"), 20)
    say(Probed(n=7, by="ann", fails=1), 15)  # not what is looked for
    say(Echoed(n=9, by="bob"), 10)
    say(Probed(n=5), 10)  # of nobody
    work(SEVERAL)
    assert found() == []
    last = say(Echoed(n=4, by="ann"), 5)
    work(SEVERAL)
    (match,) = found()
    assert (match.data, match.stream) == ({"name": "ann", "size": 7}, "user-ann")
    assert (match.causation_id, match.correlation_id) == (last.id, last.correlation_id)
    assert match.metadata["also_caused_by"] == [str(first.id), str(second.id)]
    say(Echoed(n=4, by="ann"))
    work(SEVERAL)
    assert len(found()) == 1, "an event is part of one match"
    assert not list(differences(SEVERAL))
    ProcessInstance.objects.filter(process=SEVERAL, key="ann").update(
        state=Watch(too_late=3).model_dump(mode="json"), step="idle"
    )
    assert any("ann" in one for one in differences(SEVERAL)), "a replay would not see that"


def test_the_time_of_events_counts_and_who_comes_later_than_that_is_noted() -> None:
    """Parts may come in any order, as long as their window is open; what is too late is counted."""
    say(Echoed(n=0, by="eve"), 10)
    say(Probed(n=0, by="eve"), 90)  # within a minute of nothing
    say(Probed(n=1, by="eve"), 40)
    work(SEVERAL)
    assert found() == []
    say(Probed(n=2, by="eve"), 50)
    late = say(Probed(n=3, by="eve"), 6 * 60 + 1)
    work(SEVERAL)
    assert [one.data["size"] for one in found()] == [3]
    row = ProcessInstance.objects.get(process=SEVERAL, key="eve")
    assert (row.state["too_late"], row.step) == (1, "watching")
    step = ProcessStep.objects.get(process=SEVERAL, position=late.position)
    assert step.note == "too late"
    assert not list(differences(SEVERAL))


def test_what_has_not_come_is_told_when_its_window_is_over() -> None:
    asked = say(Probed(n=1, by="ann"), 60)
    say(Probed(n=1, by="bob"))
    say(Probed(n=1, by="cid"), 3_500)
    work(MISSING)
    closing = Timer.objects.get(event_id__isnull=False, data__key="ann").due_at
    assert abs(closing - clock.now() - timedelta(minutes=64)) < timedelta(minutes=1)
    say(Echoed(n=1, by="bob"))
    work(MISSING)
    assert not Timer.objects.filter(ended_at=None, data__key="bob").exists()
    passes(hours=2)
    say(Echoed(n=1, by="cid"), 100)  # it occurred in time, but is known too late
    work(MISSING)
    assert sorted(one.data["name"] for one in found(MISSING)) == ["missing ann", "missing cid"]
    told = next(one for one in found(MISSING) if one.data["name"] == "missing ann")
    assert told.metadata["also_caused_by"] == [str(asked.id)]
    assert (told.correlation_id, told.stream) == (asked.correlation_id, asked.stream)
    assert Event.objects.get(id=told.causation_id).type == f"{MISSING}.WindowClosed"
    assert not list(differences(MISSING))


def test_what_occurred_in_its_window_and_comes_late_is_in_time() -> None:
    """And what occurred after it is not, whenever it comes."""
    say(Probed(n=1, by="ann"), 3_700)
    say(Probed(n=1, by="bob"), 3_700)
    work(MISSING)
    timers.fire_all()
    work(MISSING)
    say(Echoed(n=1, by="ann"), 200)  # the hour was over 100 s ago
    say(Echoed(n=1, by="bob"), 50)
    work(MISSING)
    passes(hours=1)
    assert [one.data["name"] for one in found(MISSING)] == ["missing bob"]


def test_nothing_is_missed_that_is_only_waiting_in_another_lane() -> None:
    say(Probed(n=1, by="ann"))
    work(MISSING)
    answer = say(Echoed(n=1, by="ann"))
    stuck = Due.objects.filter(processor=MISSING, event_id=answer.position)
    later = clock.now() + timedelta(hours=9)
    stuck.update(state="retrying", due_at=later, attempts=1)
    Timer.objects.filter(ended_at=None).update(due_at=clock.now())
    timers.fire_all()
    work(MISSING)
    assert found(MISSING) == []
    assert Delivery.objects.get(processor=MISSING, event__type__endswith="Closed").attempts == 0
    stuck.update(due_at=clock.now())
    work(MISSING)
    passes(seconds=5)
    assert found(MISSING) == []
    assert not Due.objects.filter(processor=MISSING).exists()


def test_workers_that_meet_at_a_key_find_each_match_once() -> None:
    for n in range(12):
        say(Probed(n=n, by="hot"), 30 - n)
        say(Probed(n=n, by=f"own-{n}"))
    for _ in range(5):
        say(Echoed(n=0, by="hot"))
    drain.lanes.create_missing([registry.processor(SEVERAL)])

    def worker() -> None:
        for _ in range(20):
            work(SEVERAL)
        connection.close()

    threads = [threading.Thread(target=worker) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work(SEVERAL)
    assert not Due.objects.filter(processor=SEVERAL).exists()
    used = [cause for one in found() for cause in causes(one)]
    assert len(used) == len(set(used)) == 15
    assert not list(differences(SEVERAL))


def causes(event: Event) -> list[str]:
    return [str(event.causation_id), *event.metadata["also_caused_by"]]


def test_what_nothing_comes_for_is_forgotten_after_a_while() -> None:
    say(Probed(n=1, by="ann"))
    work()
    retention.forget_ended()
    assert ProcessInstance.objects.count() == 2
    ProcessInstance.objects.update(changed_at=clock.now() - timedelta(days=40))
    retention.forget_ended()
    assert list(ProcessInstance.objects.values_list("process", flat=True)) == [MISSING], (
        "the other has a timer that is open"
    )


def test_what_an_operator_stops_is_forgotten_and_begins_anew() -> None:
    say(Probed(n=1, by="ann"))
    say(Probed(n=1, by="bob"))
    work(MISSING)
    assert stop(MISSING, "ann", undo=False, by="olga", reason="a test")
    assert not ProcessInstance.objects.filter(process=MISSING, key="ann").exists()
    assert AuditEntry.objects.filter(action="stop process", who="olga").exists()
    passes(hours=2)
    assert [one.data["name"] for one in found(MISSING)] == ["missing bob"]
    say(Probed(n=1, by="ann"))
    work(MISSING)
    passes(hours=2)
    assert found(MISSING)[-1].data["name"] == "missing ann"
    assert not list(differences(MISSING))


def kept(second: float, part: int) -> Kept:
    at = NOON + timedelta(seconds=second)
    return Kept(id=uuid4(), position=int(second), type="t", at=at, stream="s", fits=(part,))


def test_in_whatever_order_they_arrive_the_parts_are_found_in_the_order_of_time() -> None:
    rule = Rule("by", 60, 600, (Seen(Probed, times=2), Seen(Echoed)))
    draw = random.Random(7)
    parts = [kept(0, 0), kept(30, 0), kept(60, 1)]
    others = [kept(100, 1), kept(101, 0), kept(170, 0), kept(171, 1)]
    for _ in range(50):
        watch, matches = Watch(), list[tuple[Kept, ...]]()
        for one in draw.sample([*parts, *others], len(parts) + len(others)):
            matches += take_in(rule, watch, one, NOON + timedelta(seconds=200))[0]
        assert matches == [tuple(parts)]
    late = Watch()
    take_in(rule, late, parts[0], NOON + timedelta(seconds=660))
    assert late.too_late == 0
    take_in(rule, late, parts[0], NOON + timedelta(seconds=661))
    assert late.too_late == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"of": [Probed]}, "one event is no pattern"),
        ({"of": []}, "of= is"),
        ({"of": [Probed, Keyed]}, "not a field of Keyed"),
        ({"of": [Probed, Echoed], "within": "soon"}, "within="),
        ({"of": [Probed, Echoed], "within": 0}, "within="),
        ({"of": [Introduced, Introduced], "key": "email"}, "personal"),
    ],
)
def test_what_can_not_be_a_pattern_is_refused(wrong: dict[str, Any], told: str) -> None:
    declare: Callable[..., Any] = pattern
    with pytest.raises(RegistrationError, match=told):
        declare("wrong", **{"key": "by", "within": "1min", **wrong})(says)


def says(match: Match) -> Renamed:
    raise AssertionError("it is not called")


def test_a_pattern_says_what_it_emits() -> None:
    """Its event, and that by which its window closes: neither is a surprise on the map."""
    with pytest.raises(RegistrationError, match="annotate"):
        pattern("wrong", key="by", within=1, of=[Probed, Echoed])(lambda match: Renamed())
    assert registry.processor(MISSING).emits == ("Renamed", f"{MISSING}.WindowClosed")
    assert registry.processor(SEVERAL).emits == ("Renamed",)
