"""Figures and traces are what the rows make of them, whoever dies when; and keep nobody from work.

Killed folders of a whole site are in the drill; here a fold ends between any two statements.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeck import clock, publish
from flowdeck.dashboard.timeline.counts import counted
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, lanes, pause
from flowdeck.engine.backfill import deliver_past
from flowdeck.engine.drain import drain
from flowdeck.history import fold
from flowdeck.history.told import Told
from flowdeck.letters import dead_letters
from flowdeck.letters.redelivery import Choice, redeliver
from flowdeck.log.positions import newest_position
from flowdeck.models import Delivery, Event, Fold, Handled, Produced, Tally, Trace
from flowdeck.observe import rates
from flowdeck.observe.overview import overview
from flowdeck.testing import settle
from flowdeck.transfer.exporting import Chosen, as_stored, export
from flowdeck.transfer.importing import import_events
from tests.guarantees.remembered import (
    assert_all_is_remembered,
    assert_grains_agree,
    figures,
    rows,
    traces,
    traces_anew,
)
from tests.guarantees.test_any_history import forget_work
from tests.guarantees.test_exactly_once import Crash
from tests.probe.events import Keyed, Probed

pytestmark = pytest.mark.django_db(transaction=True)
BEGAN = [0]  # the newest position before the history at hand
KINDS = ["probe.atomic", "probe.batch", "probe.leased"]
MINUTE = timedelta(minutes=1)


def some_of_everything(stream: str = "probe-1") -> None:
    """Successes, failures, rejections, what waits behind them, and what they emitted."""
    events = [Probed(n=n, echoes=1, fails=n % 3, by="probe.atomic") for n in range(4)]
    publish(*events, Probed(n=9, rejects="probe.batch"), Probed(n=10), stream=stream)
    publish(Keyed(owner="a", n=1), stream=f"{stream}-keyed")


# H1, H2: any history ------------------------------------------------------------

ACTIONS = st.one_of(
    st.tuples(st.just("publish"), st.integers(0, 4), st.sampled_from(["", *KINDS])),
    st.tuples(st.just("work"), st.integers(1, 3), st.sampled_from(KINDS)),
    st.tuples(st.just("letter"), st.integers(0, 3), st.sampled_from(["retry", "discard"])),
    st.tuples(st.just("redeliver"), st.integers(0, 9), st.sampled_from(["probe.atomic"])),
    st.tuples(st.just("deliver_past"), st.integers(0, 9), st.sampled_from(["probe.renamed"])),
    st.tuples(st.just("fold"), st.integers(0, 12), st.sampled_from(["whole", "dies"])),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTIONS, min_size=4, max_size=16))
def test_any_history_is_remembered(actions: list[tuple[str, int, str]]) -> None:
    """Whatever happens, and whenever it is folded: each trace is what its rows make of it."""
    forget_work()
    forget_history()
    before = BEGAN[0] = newest_position()
    again = False
    for action, number, what in actions:
        again |= action == "redeliver"
        DO[action](number, what)
    settle()
    fold.fold_all()
    assert_grains_agree()
    assert traces() == traces_anew(before)
    if not again:  # a delivery that was given again is told of twice, and has one row
        assert figures() == rows(before)


def _publish(number: int, by: str) -> None:
    publish(Probed(n=number, fails=number, by=by or "probe.batch", echoes=number % 2), stream="a")
    publish(Probed(rejects=by), Keyed(owner="k", n=number), stream=f"b-{number}")


def _work(number: int, kind: str) -> None:
    claim = lanes.claim(registry.processor(kind), 4)
    if claim is not None:
        batch.run(registry.processor(kind), claim, number)
        lanes.leave(claim)


def _letter(number: int, action: str) -> None:
    letters = list(dead_letters.dead().values_list("letter", flat=True)[: number + 1])
    if action == "retry":
        dead_letters.retry(letters, by="tester")
    else:
        dead_letters.discard(letters, by="tester", reason="test")


def _redeliver(number: int, processor: str) -> None:
    done = Delivery.objects.filter(processor=processor, state="done").order_by("event_id")
    positions = list(done.values_list("event_id", flat=True)[: number + 1])
    redeliver(processor, Choice(positions=positions or [0]), by="tester", reason="test")


def _deliver_past(number: int, processor: str) -> None:
    events = Event.objects.filter(position__gt=BEGAN[0]).order_by("position")
    positions = list(events.values_list("position", flat=True))
    deliver_past(processor, positions[number : number + 2])


def _fold(number: int, how: str) -> None:
    if how == "whole":
        fold.fold_all()
        return
    try:
        with dies_after(number):
            fold.fold_all()
    except Crash:
        connection.close()


DO: dict[str, Callable[[int, str], None]] = {
    "publish": _publish,
    "work": _work,
    "letter": _letter,
    "redeliver": _redeliver,
    "deliver_past": _deliver_past,
    "fold": _fold,
}


def test_what_came_by_other_ways_is_remembered(tmp_path: Any) -> None:
    """An import, with deliveries that are done at once or that are to be done."""
    some_of_everything()
    settle()
    lines = list(export(Chosen(), as_stored, upto=2**60))
    for deliver in (False, True):
        call_command("flush", interactive=False, verbosity=0)
        import_events(io.StringIO("".join(lines)), deliver=deliver)
        settle()
        assert_all_is_remembered()


# H3: once, whoever dies when ----------------------------------------------------


@contextmanager
def dies_after(number: int) -> Iterator[list[int]]:
    """Let the process end before statement ``number``, from 0; counts them."""
    seen = [0]

    def statement(execute: Any, *arguments: Any) -> Any:
        if seen[0] == number:
            raise Crash
        seen[0] += 1
        return execute(*arguments)

    with connection.execute_wrapper(statement):
        yield seen


def test_a_fold_that_dies_anywhere_counts_everything_once() -> None:
    fold.make_row()
    some_of_everything()
    drain_without_folding()
    before, number = Tally.objects.count(), 0
    while Tally.objects.exists() and number < 100:
        try:
            with dies_after(number):
                fold._fold_some(0.0, wait=True)
        except Crash:
            connection.close()
            assert Tally.objects.count() == before, f"statement {number}"
            assert not Handled.objects.exists()
        number += 1
    assert 8 < number < 100
    settle()
    assert_all_is_remembered()


@pytest.mark.postgres  # on SQLite the database has one writer
def test_who_finds_somebody_folding_leaves_and_who_must_waits() -> None:
    fold.make_row()
    some_of_everything()
    drain_without_folding()
    told, folding, may_end = Tally.objects.count(), threading.Event(), threading.Event()

    def first() -> None:
        with transaction.atomic():
            fold.locked()
            folding.set()
            may_end.wait(60)
        connection.close()

    other = threading.Thread(target=first)
    other.start()
    assert folding.wait(60)
    fold.tick()
    assert Tally.objects.count() == told, "somebody else folds"
    may_end.set()
    other.join(60)
    assert_all_is_remembered()


@pytest.mark.postgres  # SQLite has no floor: nothing dead is in the way there
def test_the_floor_passes_no_tally_that_is_still_to_come() -> None:
    """A transaction that told early and commits late; others that told later were folded."""
    publish(Probed(n=1), stream="probe-1")
    told, may_end = threading.Event(), threading.Event()

    def slow() -> None:
        with transaction.atomic():
            publish(Probed(n=2), stream="probe-2")
            told.set()
            may_end.wait(60)
        connection.close()

    other = threading.Thread(target=slow)
    other.start()
    assert told.wait(60)
    for n in range(4):
        publish(Probed(n=n), stream="probe-3")
        again()
    may_end.set()
    other.join(60)
    assert Tally.objects.count() == 1
    for _ in range(3):
        again()
    assert not Tally.objects.exists()
    assert Fold.objects.get().floor > 0, "it rises once nobody is left who told before"
    settle()
    assert_all_is_remembered()


def again() -> None:
    """A tick, however short the last one is ago."""
    Fold.objects.update(due_at=clock.now())
    fold.tick()


# H4: it changes nothing ---------------------------------------------------------


def test_a_fold_that_fails_keeps_nobody_from_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Told, now: datetime) -> None:
        raise ValueError("history is broken")

    with monkeypatch.context() as patched:
        patched.setattr(Told, "keep", broken)
        some_of_everything()
        settle()
        assert not fold.tick()
    assert "history is broken" in caplog.text
    assert Delivery.objects.filter(state="done").count() > 10
    assert not Delivery.objects.filter(state="retrying").exists()
    assert_all_is_remembered()


def test_what_another_version_tells_besides_is_left_alone() -> None:
    publish(Probed(n=1), stream="probe-1")
    drain_without_folding()
    for row in Tally.objects.all():
        row.told = row.told.replace("{", '{"of_tomorrow": [1, {"a": 2}], ', 1)
        row.save()
    assert_all_is_remembered()


# H7, H8: what pages say ---------------------------------------------------------


def test_a_figure_that_nobody_has_folded_yet_is_a_dash() -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    assert all(row.per_second is not None for row in overview().rows)
    publish(Probed(n=2), stream="probe-1")
    drain_without_folding()
    Tally.objects.update(at=clock.now() - 2 * MINUTE)
    assert all(row.per_second is None for row in overview().rows)
    assert not rates.lately(60).seconds
    fold.fold_all()
    assert all(row.per_second is not None for row in overview().rows)


def test_what_was_before_anybody_told_is_not_known() -> None:
    """A database of before: figures begin with the first tally, or are made anew."""
    some_of_everything()
    settle()
    forget_history()
    publish(Probed(n=7), stream="probe-7")
    settle()
    since = rates.lately(3600).since
    assert since > clock.now() - MINUTE
    out = io.StringIO()
    call_command("flowdeck", "history", stdout=out)
    assert "Nothing is known from before" in out.getvalue()
    call_command("flowdeck", "history", "--rebuild", stdout=out)
    assert rates.lately(3600).since < clock.now() - 30 * MINUTE
    assert_all_is_remembered()


@pytest.mark.crowd
def test_a_chart_is_what_the_rows_say_under_any_backlog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds wait for one processor, another fails, a third is paused; for four minutes."""
    real, ahead = clock.now, [0]
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=ahead[0]))
    began = clock.now()
    pause.pause("probe.batch", by="tester", reason="test")
    for n in range(30):
        publish(*[Probed(n=n, rejects="probe.skipping")] * 20, stream=f"probe-{n}")
    for _ in range(4):
        ahead[0] += 55
        work_a_little("probe.atomic")
        drain(registry.processor("probe.skipping"), seconds=0.3)
    fold.fold_all()
    assert Delivery.objects.filter(processor="probe.atomic", state="pending").exists()
    shown = counted(began, clock.now(), 60)
    done, failed, rejected, _ = rows()
    assert by_minute(done) == dict(shown.done)
    assert by_minute(failed + rejected) == dict(shown.failed)
    assert {name for name, _ in shown.done} == {"probe.atomic"}
    assert len({at for _, at in shown.done}) >= 3
    by = {row.name: row for row in overview().rows}
    assert by["probe.atomic"].per_second, "it works, however much waits"
    assert by["probe.batch"].per_second == 0


def work_a_little(name: str) -> None:
    claim = lanes.claim(registry.processor(name), 2)
    assert claim is not None
    batch.run(registry.processor(name), claim, 7)
    lanes.leave(claim)


def by_minute(counts: Any) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    for (at, processor, _), number in counts.items():
        key = processor, at // 60
        found[key] = found.get(key, 0) + number
    return found


# Upkeep -------------------------------------------------------------------------


def test_rebuilding_gives_what_was_told() -> None:
    some_of_everything()
    settle()
    publish(Probed(n=77), stream="probe-77")  # is under way
    fold.fold_all()
    told, seen = figures(), traces()
    sketches = sketched()
    Handled.objects.update(done=0)
    Trace.objects.update(events=0)
    Produced.objects.all().delete()
    call_command("flowdeck", "history", "--rebuild", stdout=io.StringIO())
    assert (figures(), traces()) == (told, seen)
    assert sketched() == sketches
    settle()
    assert_all_is_remembered()


def sketched() -> list[Any]:
    """The sketches of all rows that have any; what was only put off can't be told again."""
    some = Handled.objects.exclude(run="", wait="", age="").order_by("pk")
    return list(some.values_list("grain", "at", "processor", "type", "run", "wait", "age"))


def test_the_finer_figures_go_first(settings: Any) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    settings.FLOWDECK = {**settings.FLOWDECK, "TEN_SECONDS_KEPT_DAYS": 0}
    fold.retention.remove_old(clock.now() + MINUTE)
    for model in (Handled, Produced):
        assert set(model.objects.values_list("grain", flat=True)) == {0, 60, 3600, 86400}
    publish(Probed(n=2), stream="probe-1")
    settle()
    now = int(clock.now().timestamp())
    assert not Handled.objects.filter(grain=10, at__lt=now - 10).exists(), "not written again"


def drain_without_folding() -> None:
    """As workers do: each processor once."""
    for name in sorted(registry.processors):
        drain(registry.processor(name))


def forget_history() -> None:
    """As if nothing had ever been told."""
    for model in (Tally, Handled, Produced, Trace, Fold):
        model.objects.all().delete()
