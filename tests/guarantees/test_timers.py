"""What is to be appended later comes once, not early, in its order, and may be taken back."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from flowdeck import Delivery as Delivered
from flowdeck import cancel, publish, read_stream
from flowdeck.conf import conf
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, timers
from flowdeck.errors import InvalidEnvelope, PublishError
from flowdeck.models import Clock, Delivery, Event, Timer
from flowdeck.privacy.forgetting import forget
from flowdeck.testing import passes
from tests.polling import eventually
from tests.probe import processors
from tests.probe.events import Keyed, Probed, Told
from tests.under_way import open_transaction

pytestmark = pytest.mark.django_db(transaction=True)
KINDS = ["probe.atomic", "probe.leased", "probe.batch"]


def numbers(stream: str) -> list[int]:
    return [event.payload["n"] for event in read_stream(stream)]


def due_since(seconds: float) -> None:
    """Let all timers have been due for at least so long, in the order they are in."""
    latest = Timer.objects.latest("due_at").due_at
    behind = latest - datetime.now(UTC) + timedelta(seconds=seconds)
    Timer.objects.update(due_at=F("due_at") - behind)


def when_handled(
    monkeypatch: pytest.MonkeyPatch, kind: str, on: Callable[[Any, Delivered], None]
) -> None:
    def behave(event: Any, delivery: Delivered) -> None:
        if delivery.processor == kind:
            on(event, delivery)

    monkeypatch.setattr(processors, "behave", behave)


def test_it_comes_when_it_is_due_and_not_before() -> None:
    receipt = publish(Probed(n=1), stream="later", in_=3600, timer="remind")
    assert (receipt.positions, receipt.timer) == ((), "remind")
    timer = Timer.objects.get()
    assert timedelta(minutes=59) < timer.due_at - datetime.now(UTC) < timedelta(minutes=61)
    assert timers.fire_all() == 0
    assert passes(hours=1) > 0
    (event,) = Event.objects.filter(stream="later")
    assert event.metadata["timer"]["name"] == "remind"
    assert event.correlation_id == receipt.correlation_id
    assert event.occurred_at <= event.recorded_at
    assert Delivery.objects.filter(event=event, state="done").count() > 0
    assert not Timer.objects.exists()


def test_a_time_that_is_over_means_now_and_a_zone_is_needed() -> None:
    publish(Probed(n=1), stream="past", at=datetime(2001, 1, 1, tzinfo=UTC))
    assert timers.fire_all() == 1
    (event,) = Event.objects.filter(stream="past")
    assert event.recorded_at - event.occurred_at < timedelta(minutes=1)
    for wrong in ({"at": datetime(2030, 1, 1)}, {"in_": -1}, {"in_": float("inf")}):  # noqa: DTZ001
        with pytest.raises(InvalidEnvelope):
            publish(Probed(n=1), stream="past", **wrong)
    with pytest.raises(PublishError):
        publish(Probed(n=1), Probed(n=2), stream="past", in_=1, timer="both")
    with pytest.raises(PublishError):
        publish(Probed(n=1), stream="past", in_=1, expected_sequence=1)
    assert not Timer.objects.exists()


def test_one_of_a_name_takes_the_place_of_the_other_or_leaves_it() -> None:
    publish(Probed(n=1), stream="quiet", in_=10, timer="t")
    publish(Probed(n=2), stream="quiet", in_=20, timer="t")
    publish(Probed(n=3), stream="quiet", in_=5, timer="t", replace=False)
    publish(Probed(n=4), stream="quiet-2", in_=5, timer="t")
    passes(seconds=30)
    assert numbers("quiet") == [2]
    assert numbers("quiet-2") == [4]
    assert Event.objects.get(stream="quiet").metadata["timer"]["replaced"] == 1


def test_what_is_cancelled_never_comes_and_cancelling_is_no_error() -> None:
    with transaction.atomic():
        publish(Probed(n=1), stream="c", in_=10, timer="t")
        assert cancel("t", stream="c") is True
    assert cancel("t", stream="c") is False
    assert cancel("t", stream="nobody-has-this") is False
    passes(seconds=30)
    assert numbers("c") == []
    ended = Timer.objects.get()
    assert (ended.ended_as, ended.ended_by) == ("cancelled", conf().PRODUCER)


@pytest.mark.parametrize("kind", KINDS)
def test_a_handler_sets_and_cancels_with_its_success(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=0), stream="h", in_=60, timer="old")

    def on(event: Probed, delivery: Delivered) -> None:
        if event.n > 1:
            return
        delivery.emit(Probed(n=10), in_=60, timer="new")
        delivery.emit(Probed(n=11), in_=60, timer="never")
        delivery.cancel("never")
        delivery.cancel("old")
        if delivery.attempt == 1:
            raise processors.ProbeError

    when_handled(monkeypatch, kind, on)
    publish(Probed(n=1), stream="h")
    drain.drain_all(3)  # the first attempts fail
    drain.drain_all()
    assert set(Timer.objects.filter(ended_at=None).values_list("name", flat=True)) == {"new"}
    passes(seconds=61)
    assert numbers("h") == [1, 10]
    set_by = Event.objects.get(stream="h", sequence=1)
    fired = Event.objects.get(stream="h", sequence=2)
    assert (fired.causation_id, fired.producer) == (set_by.id, kind)
    assert fired.correlation_id == set_by.correlation_id


def test_a_transaction_that_is_rolled_back_sets_and_cancels_nothing() -> None:
    publish(Probed(n=1), stream="r", in_=1, timer="stays")
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        publish(Probed(n=2), stream="r", in_=1, timer="goes")
        cancel("stays", stream="r")
        raise ZeroDivisionError
    passes(seconds=2)
    assert numbers("r") == [1]


@pytest.mark.crowd
def test_a_burst_comes_in_order_of_due_time_although_nobody_looked_for_hours() -> None:
    with transaction.atomic():
        for n in range(1_200):
            publish(Keyed(n=n, owner=f"o{n % 7}"), stream=f"burst-{n % 3}", in_=n / 100)
    due_since(7_200)
    assert timers.fire_all() == 1_200  # more than one call takes, all older than a look back goes
    came = list(Event.objects.order_by("position").values_list("data__n", flat=True))
    assert came == list(range(1_200))
    assert Delivery.objects.filter(processor="probe.snoozing").count() == 1_200


@pytest.mark.postgres
def test_a_stream_that_somebody_holds_delays_only_its_own() -> None:
    publish(Probed(n=0), stream="held")
    for n in (1, 2):
        publish(Probed(n=n), stream="held", in_=n / 1000)
    publish(Keyed(n=3, owner="held"), stream="by-key", in_=0.003)
    publish(Probed(n=4), stream="free", in_=0.004)
    due_since(600)  # so long that a walk would begin behind them
    with open_transaction(lambda: publish(Probed(n=9), stream="held")) as commit:
        assert timers.fire_all() == 1
        assert timers.fire_all() == 0
        assert (numbers("free"), numbers("by-key")) == ([4], [])
        commit()
    assert timers.fire_all() == 3
    assert numbers("held") == [0, 9, 1, 2]


@pytest.mark.postgres
def test_a_stream_that_an_open_transaction_has_made_delays_only_its_own() -> None:
    publish(Probed(n=1), stream="free", in_=0)
    with open_transaction(lambda: publish(Probed(n=9), stream="newborn", in_=0)):
        assert timers.fire_all() == 1
    assert timers.fire_all() == 1


def test_one_that_can_not_be_appended_ends_alone() -> None:
    publish(Probed(n=0), stream="poison")
    for n in (1, 2, 3):
        publish(Probed(n=n), stream="poison", in_=n / 1000, timer=f"t{n}")
    taken = Event.objects.get().id
    Timer.objects.filter(name="t2").update(event_id=taken)  # the log has an event of this id
    due_since(1)
    assert timers.fire_all() == 2
    assert numbers("poison") == [0, 1, 3]
    refused = Timer.objects.get()
    assert (refused.name, refused.ended_as) == ("t2", "refused")
    assert refused.error


def test_a_type_that_this_code_does_not_know_waits_with_its_stream() -> None:
    for n in (1, 2):
        publish(Probed(n=n), stream="newer", in_=n / 1000)
    Timer.objects.filter(data__n=1).update(type="Unheard")
    publish(Probed(n=3), stream="other", in_=0.003)
    due_since(1)
    assert timers.fire_all() == 1
    Timer.objects.update(type="Probed")
    assert timers.fire_all() == 2
    assert numbers("newer") == [1, 2]


def test_nothing_comes_while_somebody_holds_all_of_them() -> None:
    publish(Probed(n=1), stream="hold", in_=0)
    Clock.objects.update_or_create(pk=1, defaults={"held_at": datetime.now(UTC)})
    assert timers.fire_all() == 0
    Clock.objects.update(held_at=None)
    assert timers.fire_all() == 1


@pytest.mark.parametrize(("seconds", "leapt"), [(3600, True), (-3600, True), (5, False)])
def test_a_clock_that_was_set_is_told(seconds: float, leapt: bool) -> None:
    timers.fire()
    Clock.objects.update(ticked_at=datetime.now(UTC) - timedelta(seconds=seconds))
    timers.fire()
    clock = Clock.objects.get()
    assert (clock.leapt_at is not None) == leapt
    if leapt:
        assert clock.leapt_by == pytest.approx(seconds, abs=30)


@pytest.mark.crowd
@pytest.mark.parametrize(("pause", "most"), [(0.5, 5), (1.0, None)])
def test_what_takes_its_time_may_go_round(
    pause: float, most: int | None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "MAX_HOPS": 5}

    def again(event: Probed, delivery: Delivered) -> None:
        if event.n < 12:
            delivery.emit(Probed(n=event.n + 1), in_=pause)

    when_handled(monkeypatch, "probe.atomic", again)
    publish(Probed(n=0), stream="round")
    drain.drain_all()
    for _ in range(15):
        Timer.objects.update(due_at=datetime.now(UTC))
        drain.drain_all()
    assert numbers("round")[-1] == (12 if most is None else most)


def test_forgetting_a_person_reaches_what_is_still_to_come() -> None:
    publish(Told(user_id=7, email="ada@example.org"), stream="p", in_=10)
    assert "ada" not in str(Timer.objects.values_list("data", flat=True).get())
    forget("7", by="tester")
    passes(seconds=11)
    assert "ada" not in str(Event.objects.get(stream="p").data)
    assert read_stream("p")[0].payload["email"] == ""


def _mover(name: str) -> None:
    connection.settings_dict["NAME"] = name
    while True:
        time.sleep(timers.pause_until_next(timers.fire(), 0.2))


@pytest.mark.crowd
def test_movers_that_are_killed_lose_and_double_nothing() -> None:
    count = 600
    with transaction.atomic():
        for n in range(count):
            publish(Probed(n=n), stream=f"k{n % 40}", in_=0.5 + n / 200)
    name, fork = connection.settings_dict["NAME"], multiprocessing.get_context("fork")
    connection.close()

    def start() -> Any:
        process = fork.Process(target=_mover, args=(name,), daemon=True)
        process.start()
        return process

    movers = [start() for _ in range(2)]
    try:
        until = time.monotonic() + 4
        while time.monotonic() < until:
            time.sleep(0.2)
            at = random.randrange(len(movers))
            os.kill(movers[at].pid, signal.SIGKILL)
            movers[at].join()
            movers[at] = start()
        eventually(lambda: not Timer.objects.exists())
    finally:
        for process in movers:
            process.kill()
            process.join()
    events = list(Event.objects.order_by("position"))
    assert sorted(event.data["n"] for event in events) == list(range(count))
    assert all(event.recorded_at >= event.occurred_at for event in events)
    for n in range(40):
        assert numbers(f"k{n}") == list(range(n, count, 40))
    heard = [one for one in registry.processors.values() if "Probed" in one.subscriptions]
    assert Delivery.objects.count() == count * len(heard)


@pytest.mark.crowd
def test_setting_and_cancelling_while_they_are_moved_ends_each_once() -> None:
    stop, counted = threading.Event(), {"set": 0, "cancelled": 0}
    lock = threading.Lock()

    def race(seed: int) -> None:
        chance = random.Random(seed)
        try:
            while not stop.is_set():
                name = f"x{chance.randrange(8)}"
                publish(Probed(n=0), stream=name, in_=chance.choice([0, 0.002]), timer="t")
                gone = chance.random() < 0.4 and cancel("t", stream=name)
                with lock:
                    counted["set"] += 1
                    counted["cancelled"] += bool(gone)
        finally:
            connection.close()

    racers = [threading.Thread(target=race, args=(seed,)) for seed in range(2)]
    for one in racers:
        one.start()
    until, fired = time.monotonic() + 2, 0
    while time.monotonic() < until:
        fired += timers.fire_all()
    stop.set()
    for one in racers:
        one.join(60)
    Timer.objects.filter(ended_at=None).update(due_at=datetime.now(UTC))
    fired += timers.fire_all()
    replaced = sum(
        event["timer"]["replaced"] for event in Event.objects.values_list("metadata", flat=True)
    ) + sum(Timer.objects.values_list("replaced", flat=True))
    assert Event.objects.count() == fired
    assert Timer.objects.filter(ended_as="cancelled").count() == counted["cancelled"]
    assert counted["set"] == replaced + counted["cancelled"] + fired
