"""An instance of a process is what its events come to, once, whatever happens meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import pytest
from django.db import connection, transaction

from flowdeck import Process, State, during, otherwise, process, publish, read_stream, starts
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, timers
from flowdeck.errors import RegistrationError
from flowdeck.models import Attempt, AuditEntry, Delivery, ProcessInstance, ProcessStep, Timer
from flowdeck.process_managers.declared import flows
from flowdeck.process_managers.replay import differences
from flowdeck.process_managers.run import read
from flowdeck.process_managers.stopping import stop
from flowdeck.testing import passes
from tests.probe.events import Echoed, Probed, Renamed, Told
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "probe.trip"


class Step(StrEnum):
    """Where a trip stands."""

    ASKED = "asked"
    BOOKED = "booked"
    LOST = "lost"


class Trip(State):
    """What is known of a trip."""

    step: Step = Step.ASKED
    n: int = 0
    heard: list[int] = []


class Tripping(Process[Trip]):
    """Books a trip, unless that takes too long."""

    @starts
    def asked(self, event: Probed) -> Echoed:
        """Wait for the answer; the first number is how long."""
        self.state = Trip(n=event.n)
        self.later("patience", Renamed(name="too late", size=1), seconds=event.n)
        self.undo(Echoed(n=1, by="undone"))
        self.undo(Echoed(n=2, by="undone"))
        return Echoed(n=0, by="asks")

    @during(Step.ASKED, to=(Step.ASKED, Step.BOOKED))
    def answered(self, event: Told) -> Echoed | None:
        """An answer of user 0 is none yet."""
        self.state.heard.append(event.user_id)
        if event.user_id == 0:
            return None
        self.state.step = Step.BOOKED
        return Echoed(n=1, by="booked")

    @during(Step.ASKED, to=Step.LOST)
    def too_late(self, event: Renamed) -> list[Any]:
        """Give up."""
        self.state.step = Step.LOST
        return [Echoed(n=1, by="lost"), *self.compensate()]

    @otherwise
    def answered_late(self, event: Told) -> Echoed:
        """Nobody waits for it any more."""
        return Echoed(n=event.user_id, by="refunds")


class Second(Tripping):
    """A later version of the flow, which asks twice."""

    @starts
    def asked(self, event: Probed) -> list[Any]:
        """Ask twice."""
        return [super().asked(event), Echoed(n=0, by="asks again")]

    @during(Step.ASKED, to=Step.BOOKED)
    def answered(self, event: Told) -> Echoed:
        """Any answer is one."""
        self.state.step = Step.BOOKED
        return Echoed(n=2, by="booked anew")


@pytest.fixture(autouse=True)
def trips() -> Iterator[None]:
    declare(Tripping)
    yield
    registry.remove_processor(NAME)
    del flows[NAME]


def declare(cls: type[Process[Any]], version: int = 1, missing: Any = "keep") -> None:
    ends = (Step.BOOKED, Step.LOST)
    process(NAME, state=Trip, ends=ends, missing=missing, version=version)(cls)


def work() -> None:
    drain.drain(registry.processor(NAME))


def said(stream: str) -> list[str]:
    """What the process has emitted there, in order."""
    events = [one for one in read_stream(stream) if one.producer == NAME and one.type == "Echoed"]
    return [one.payload["by"] for one in events]


def trip(key: str) -> ProcessInstance:
    return ProcessInstance.objects.get(process=NAME, key=key)


def notes(key: str) -> list[str]:
    steps = ProcessStep.objects.filter(process=NAME, key=key).order_by("id")
    return list(steps.values_list("note", flat=True))


def test_an_answer_and_the_time_out_at_the_same_moment_have_one_outcome() -> None:
    """Both are in the log already, in either order: the stale one is not handed over."""
    names = [f"trip-{n}" for n in range(40)]
    for name in names:
        publish(Probed(n=0), stream=name)
    work()
    for name in names[::2]:
        publish(Told(user_id=7), stream=name)
    timers.fire_all()
    for name in names[1::2]:
        publish(Told(user_id=7), stream=name)
    work()
    first, second = (said(name) for name in names[:2])
    assert first == ["asks", "booked"]
    assert second == ["asks", "lost", "undone", "undone", "refunds"]
    assert all(said(name) == first for name in names[::2])
    assert all(said(name) == second for name in names[1::2])
    assert notes(names[0]) == ["", "", "stale timer"]
    assert not Timer.objects.filter(ended_at=None).exists()
    assert not list(differences(NAME))


def test_a_time_out_comes_to_its_instance_and_is_gone_once_that_is_over() -> None:
    publish(Probed(n=3600), stream="slow")
    publish(Probed(n=3600), stream="quick")
    work()
    publish(Told(user_id=0), Told(user_id=7), stream="quick")
    work()
    assert list(Timer.objects.filter(ended_at=None).values_list("stream", flat=True)) == ["slow"]
    passes(hours=2)
    assert said("slow") == ["asks", "lost", "undone", "undone"]
    assert [one.payload["n"] for one in read_stream("slow") if one.type == "Echoed"][-2:] == [2, 1]
    assert (trip("quick").step, trip("quick").state["heard"]) == ("booked", [0, 7])
    assert not list(differences(NAME))


def test_what_comes_before_the_start_is_handed_over_after_it_in_order() -> None:
    publish(Told(user_id=0), Told(user_id=7), Probed(n=60), Told(user_id=3), stream="early")
    work()
    assert trip("early").state["heard"] == [0, 7]
    assert said("early") == ["asks", "booked", "refunds"]
    kept = "kept until it starts"
    assert notes("early") == [kept, kept, "", "", "", ""]
    assert not Timer.objects.filter(ended_at=None).exists()
    assert not list(differences(NAME))


@pytest.mark.parametrize(("missing", "state"), [("note", "done"), ("dead", "dead")])
def test_what_never_had_a_start_is_noted_or_dead(missing: str, state: str) -> None:
    registry.remove_processor(NAME)
    del flows[NAME]
    declare(Tripping, missing=missing)
    publish(Told(user_id=7), stream="never")
    work()
    assert Delivery.objects.get(processor=NAME).state == state
    assert not ProcessInstance.objects.exists()
    assert notes("never") == (["no instance"] if missing == "note" else [])


def test_an_operator_stops_one_and_has_undone_what_it_did() -> None:
    publish(Probed(n=3600), stream="stuck")
    work()
    assert stop(NAME, "stuck", undo=True, by="olga", reason="the customer has called")
    assert not stop(NAME, "stuck", undo=True, by="olga", reason="again")
    assert said("stuck") == ["asks", "undone", "undone"]
    assert (trip("stuck").step, trip("stuck").stopped_by) == ("asked", "olga")
    assert not Timer.objects.filter(ended_at=None).exists()
    assert AuditEntry.objects.get(action="stop process").target == f"{NAME} stuck"
    publish(Told(user_id=7), stream="stuck")
    work()
    assert said("stuck")[-1] == "refunds"
    assert not list(differences(NAME))


@pytest.mark.postgres  # SQLite has one writer at a time anyway
def test_who_stops_an_instance_waits_for_whoever_works_on_it() -> None:
    publish(Probed(n=3600), stream="busy")
    work()

    def act() -> None:
        try:
            stop(NAME, "busy", undo=False, by="olga", reason="too slow")
        finally:
            connection.close()

    thread = threading.Thread(target=act)
    with transaction.atomic():
        read(NAME, {"busy"})
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(20)
    assert trip("busy").stopped_by == "olga"


def test_instances_stay_with_the_version_they_began_with() -> None:
    publish(Probed(n=60), stream="old")
    work()
    declare(Second, version=2)
    publish(Probed(n=60), stream="new")
    publish(Told(user_id=7), stream="old")
    publish(Told(user_id=0), stream="new")
    work()
    assert (said("old"), trip("old").version) == (["asks", "booked"], 1)
    assert (said("new"), trip("new").version) == (["asks", "asks again", "booked anew"], 2)
    assert not list(differences(NAME))


def test_what_newer_code_has_written_waits_for_it_and_uses_no_attempt() -> None:
    publish(Probed(n=60), stream="ahead")
    work()
    ProcessInstance.objects.update(state_version=9)
    publish(Told(user_id=7), stream="ahead")
    publish(Probed(n=60), stream="other")
    work()
    found = Delivery.objects.filter(processor=NAME, event__type="Told").get()
    assert (found.state, found.attempts) == ("sleeping", 0)
    assert trip("other").step == "asked", "others go on meanwhile"


def test_a_method_that_does_what_it_must_not_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its instance stays as it was, and others of its batch are as they should be."""
    publish(Probed(n=60), stream="bad")
    publish(Probed(n=60), stream="good")
    work()

    def asks_the_database(self: Tripping, event: Told) -> None:
        if self.key == "bad":
            self.state.n = -1
            Effect.objects.count()

    flow = flows[NAME][1]
    chosen = flow.expected["asked", "Told"]
    monkeypatch.setitem(
        flow.expected,  # type: ignore[arg-type]
        ("asked", "Told"),
        type(chosen)(asks_the_database, chosen.mark),
    )
    publish(Told(user_id=0), stream="bad")
    publish(Told(user_id=0), stream="good")
    work()
    assert Attempt.objects.get().error == "HandlerContractError"
    assert "sent a statement" in Attempt.objects.get().message
    assert (trip("bad").state["n"], notes("bad")) == (60, [""])
    assert notes("good") == ["", ""]


def test_a_replay_finds_a_state_that_is_not_what_its_events_come_to() -> None:
    publish(Probed(n=60), Told(user_id=0), stream="true")
    work()
    assert not list(differences(NAME))
    row = trip("true")
    row.state = {**row.state, "heard": [1]}
    row.save()
    (told,) = differences(NAME)
    assert "true" in told
    assert "replay" in told


def test_what_can_not_work_is_refused_when_it_is_declared() -> None:
    class Endless(Process[Trip]):
        @during(Step.ASKED)
        def told(self, event: Told) -> None: ...

    with pytest.raises(RegistrationError, match="no method begins an instance"):
        process("probe.endless", state=Trip, ends=(Step.LOST,))(Endless)
