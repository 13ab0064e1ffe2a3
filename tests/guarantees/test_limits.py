"""What is limited is never more at once, and never more in a time, whatever process is killed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from flowdeck import Breaker, Event, Limits, Retry, clock, publish
from flowdeck import Delivery as Delivered
from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.declare.registry import Processor, registry, slot_of
from flowdeck.engine import drain, lanes, limiting
from flowdeck.errors import NotLimited, RegistrationError
from flowdeck.models import Attempt, AuditEntry, Delivery, FlowControl, FlowGroup, Lane
from tests.guarantees import leases
from tests.guarantees.forked import in_a_process
from tests.polling import eventually
from tests.probe import processors
from tests.probe.events import Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE, PER_SECOND = 3, 40


def limited(name: str, handler: Callable[..., Any] | None = None, **options: Any) -> Processor:
    known = registry.processor(name)
    return replace(known, handler=handler or known.handler, **options)


def _worker(database: str, folder: Path, seconds: float) -> None:
    """Drain for ever; write down what was handed out, and when calls began and ended."""
    connection.settings_dict["NAME"] = database
    connection.close()
    out = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def told(*words: object) -> None:
        os.write(out, f"{' '.join(map(str, words))}\n".encode())

    def handle(event: Event, delivery: Delivered) -> None:
        told("begin", os.getpid(), delivery.id, time.monotonic())
        time.sleep(seconds)
        told("end", os.getpid(), delivery.id, time.monotonic())

    limits = Limits(concurrent=AT_ONCE, per=f"{PER_SECOND}/s")
    processor = limited("probe.leased", handle, limits=limits)
    real = lanes._claim_start

    def claim_start(*args: Any) -> Any:
        claim = real(*args)
        if claim is not None:  # a lease is told from its start on
            lane = Lane.objects.get(pk=claim.ids[0])
            assert lane.lease_expires_at is not None
            start = lane.lease_expires_at - timedelta(seconds=conf().LEASE_SECONDS)
            told("start", os.getpid(), 0, start.timestamp())
        return claim

    lanes._claim_start = claim_start
    while True:
        drain.drain(processor, seconds=0.5)
        time.sleep(0.005)


@pytest.mark.crowd
def test_limits_hold_although_workers_are_killed(settings: Any, tmp_path: Path) -> None:
    """Three at once, and starts 25 ms apart, over four workers; nothing lost, nothing overtaken."""
    settings.FLOWDECK = {**settings.FLOWDECK, "LEASE_SECONDS": 1.0}
    many = 60
    publish(*[Probed(n=n) for n in range(many)], stream="one")
    for n in range(many):
        publish(Probed(n=n), stream=f"key-{n % 25}")
    drain.lanes.create_missing([registry.processor("probe.leased")])
    name, fork = str(connection.settings_dict["NAME"]), multiprocessing.get_context("fork")
    connection.close()

    def start() -> Any:
        process = fork.Process(target=_worker, args=(name, tmp_path, 0.03), daemon=True)
        process.start()
        return process

    workers = [start() for _ in range(4)]
    died: dict[int, float] = {}
    waiting = Delivery.objects.filter(processor="probe.leased").exclude(state="done")
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            time.sleep(0.3)
            at = random.randrange(len(workers))
            os.kill(workers[at].pid, signal.SIGKILL)
            workers[at].join()
            died[workers[at].pid] = time.monotonic()
            workers[at] = start()
        eventually(lambda: not waiting.exists())
    finally:
        for process in workers:
            process.kill()
            process.join()
    lines = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    starts = sorted(float(at) for what, _, _, at in lines if what == "start")
    assert min(after - before for before, after in pairwise(starts)) > 1 / PER_SECOND - 1e-4
    assert most_at_once(lines, died) <= AT_ONCE
    assert set(
        Delivery.objects.filter(processor="probe.leased").values_list("attempts", flat=True)
    ) == {1}
    for stream in ("one", *(f"key-{n}" for n in range(25))):
        handled = [int(place) for what, _, place, _ in lines if what == "end"]
        of_it = Delivery.objects.filter(processor="probe.leased", event__stream=stream)
        positions = set(of_it.values_list("event_id", flat=True))
        first = list(dict.fromkeys(one for one in handled if one in positions))
        assert first == sorted(first)


def most_at_once(lines: list[list[str]], died: dict[int, float]) -> int:
    """The most calls in the air at any moment; those of a worker that was killed end with it."""
    moments: list[tuple[float, int]] = []
    under_way: dict[str, float] = {}
    for what, pid, _, at in lines:
        if what == "begin":
            under_way[pid] = float(at)
        elif what == "end":
            moments += [(under_way.pop(pid), 1), (float(at), -1)]
    for pid, began in under_way.items():
        moments += [(began, 1), (died.get(int(pid), began), -1)]
    now = most = 0
    for _, change in sorted(moments, key=lambda one: (one[0], one[1])):
        now += change
        most = max(most, now)
    return most


def test_a_burst_may_start_at_once_and_then_they_are_spaced() -> None:
    publish(*[Probed(n=n) for n in range(9)], stream="calls")
    processor = limited("probe.leased", limits=Limits(per="6/min", burst=3))
    drain.drain(processor, seconds=60)
    assert Delivery.objects.filter(processor="probe.leased", state="done").count() == 3
    assert "probe.leased" not in drain.due_processors(), "there is no point in asking yet"
    FlowControl.objects.update(next_at=None, not_before=None, waits_until=None)
    assert "probe.leased" in drain.due_processors()


def test_limits_hold_for_each_group_apart_and_groups_take_turns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was there before belongs to a group as well, and no key is overtaken in another one."""
    groups: list[str] = []

    def handle(event: Probed) -> None:
        groups.append(event.by)

    hog = [Probed(n=n, by="hog") for n in range(3)]
    for number in range(10):
        publish(*hog, stream=f"hog-{number}")
    processor = limited(
        "probe.leased",
        handle,
        limits=Limits(concurrent=1, per="3/min", burst=3, by="by"),
        wants_delivery=False,
    )
    monkeypatch.setitem(registry.processors, "probe.leased", processor)
    registry._subscribers.clear()
    lanes.assign_again()
    drain.drain(processor, seconds=60)
    assert groups == ["hog"] * 3
    publish(Probed(n=1, by="hog"), Probed(n=2, by="free"), stream="mixed")
    for name in ("ann", "bob", "cy"):
        publish(*[Probed(n=n, by=name) for n in range(4)], stream=name)
    drain.drain(processor, seconds=60)
    registry._subscribers.clear()
    assert sorted(groups[3:6]) == ["ann", "bob", "cy"]
    assert sorted(groups[3:]) == sorted(["ann", "bob", "cy"] * 3)
    waiting = Delivery.objects.filter(processor="probe.leased", state="pending")
    assert waiting.filter(event__stream="mixed").count() == 2


@pytest.mark.crowd
def test_who_kills_its_workers_is_found_however_much_work_other_groups_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They take turns on the lane, and what ends well says nothing of what does not."""
    processor = limited("probe.leased", limits=Limits(concurrent=1, by="by"))
    monkeypatch.setitem(registry.processors, "probe.leased", processor)
    registry._subscribers.clear()
    publish(Probed(n=1, by="bad", dies="probe.leased"), stream="deadly")
    lanes.create_missing([processor])
    lane = Lane.objects.get(
        processor="probe.leased",
        first_slot__lte=slot_of("deadly"),
        last_slot__gte=slot_of("deadly"),
    )
    names = (f"good-{n}" for n in count())
    good = next(one for one in names if lane.first_slot <= slot_of(one) <= lane.last_slot)
    dead = Delivery.objects.filter(processor="probe.leased", state="dead")
    for n in range(conf().CRASHES + 4):
        publish(Probed(n=n, by="good"), stream=good)
        in_a_process(lambda: drain.drain(processor))
        leases.run_out()
        Lane.objects.update(suspected_at=clock.now() - timedelta(seconds=10))
        if dead.exists():
            break
    registry._subscribers.clear()
    assert [letter.event.stream for letter in dead] == ["deadly"]


@pytest.mark.parametrize("by", ["", "by"])
def test_limits_that_somebody_changes_hold_from_the_next_start_on(
    by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far from the last start as the new ones say; and back to what the code says."""
    declared = limited("probe.leased", limits=Limits(per="3/min", burst=3, by=by))
    monkeypatch.setitem(registry.processors, "probe.leased", declared)
    registry._subscribers.clear()
    done = Delivery.objects.filter(processor="probe.leased", state="done")
    publish(*[Probed(n=n, by="one") for n in range(20)], stream="calls")
    drain.drain(declared, seconds=60)
    assert done.count() == 3
    rows = FlowGroup.objects.all() if by else FlowControl.objects.all()
    before: Any = rows.get().next_at
    limiting.change("probe.leased", Limits(per="6/min", burst=6), by="ann", reason="they can")
    drain.drain(declared, seconds=60)
    assert (done.count(), before - rows.get().next_at) == (3, timedelta(seconds=10))
    FlowControl.objects.update(next_at=None, not_before=None, waits_until=None)
    FlowGroup.objects.all().delete()
    drain.drain(declared, seconds=60)
    assert done.count() == 9
    assert limiting.restore("probe.leased", by="bob", reason="they can't")
    FlowControl.objects.update(next_at=None, not_before=None, waits_until=None)
    FlowGroup.objects.all().delete()
    drain.drain(declared, seconds=60)
    registry._subscribers.clear()
    assert done.count() == 12
    assert not limiting.restore("probe.leased", by="bob", reason="again")
    told = AuditEntry.objects.filter(action="change limits").order_by("id")
    assert [(one.who, one.reason) for one in told] == [
        ("ann", "to 6/min with 6 at once after a pause: they can"),
        ("bob", "to as the code says: they can't"),
    ]
    with pytest.raises(NotLimited, match="declares no limits"):
        limiting.change("probe.atomic", Limits(concurrent=1), by="ann", reason="why not")


def test_what_an_atomic_handler_did_under_a_lost_lease_is_undone() -> None:
    publish(Probed(n=1), stream="calls")

    def handle(event: Event, delivery: Delivered) -> None:
        processors.effect(delivery).save()
        Lane.objects.filter(processor="probe.atomic").update(token=None, lease_expires_at=None)

    processor = limited("probe.atomic", handle, limits=Limits(concurrent=1))
    drain.drain(processor)
    assert not Effect.objects.exists()
    leases.run_out()
    drain.drain(limited("probe.atomic", limits=Limits(concurrent=1)))
    assert Effect.objects.filter(processor="probe.atomic").count() == 1


def test_a_breaker_leaves_a_provider_alone_that_is_down() -> None:
    """No dead letter and no attempt while it rests; then one is tried, and all is done."""
    down, calls = [True], []

    def handle(event: Event, delivery: Delivered) -> None:
        calls.append(delivery.id)
        if down[0]:
            raise ConnectionError("nobody answers")

    for n in range(12):
        publish(Probed(n=n), stream=f"key-{n}")
    processor = limited(
        "probe.leased", handle, retry=Retry(2, base=0.0), breaker=Breaker(of=4, rest=20)
    )
    drain.drain(processor, seconds=60)
    control = FlowControl.objects.get()
    assert (len(calls), control.error) == (2, "ConnectionError")
    assert "probe.leased" not in drain.due_processors()
    FlowControl.objects.update(open_until=control.open_until - timedelta(seconds=30))
    drain.drain(processor, seconds=60)
    assert (len(calls), FlowControl.objects.get().rest) == (3, 40)
    assert not Delivery.objects.filter(state="dead").exists()
    assert Attempt.objects.count() == 1, "the first, before it was clear"
    down[0] = False
    FlowControl.objects.update(open_until=control.open_until - timedelta(seconds=30))
    drain.drain(processor, seconds=60)
    assert FlowControl.objects.get().open_until is None
    assert Delivery.objects.filter(processor="probe.leased", state="done").count() >= 10


def test_who_has_the_higher_priority_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    publish(Probed(n=1), stream="calls")
    order: list[str] = []
    monkeypatch.setattr(
        drain, "drain", lambda processor, *args, **more: order.append(processor.name)
    )
    urgent = replace(registry.processor("probe.batch"), priority=5)
    monkeypatch.setitem(registry.processors, "probe.batch", urgent)
    bell.ring(["probe.atomic"])
    drain.answer_bell("probe.atomic")
    drain.answer_bell("probe.batch")
    assert order == ["probe.batch", "probe.atomic", "probe.batch"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Limits(),
        lambda: Limits(concurrent=0),
        lambda: Limits(per="often"),
        lambda: Limits(per="0/s"),
        lambda: Limits(concurrent=1, burst=2),
        lambda: Breaker(share=0),
        lambda: Breaker(rest=1e9),
        lambda: Breaker(on=()),
    ],
)
def test_what_can_not_be_kept_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(RegistrationError):
        wrong()
