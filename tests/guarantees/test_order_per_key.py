"""Invariant 5: one processor sees the events of one key in stream order, come what may."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from flowdeck import SequenceConflict, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, drain, lanes
from flowdeck.letters import dead_letters
from flowdeck.models import Delivery, Event, Stream
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.polling import eventually
from tests.probe.events import Keyed, Probed
from tests.probe.models import Effect
from tests.under_way import open_transaction

pytestmark = pytest.mark.django_db(transaction=True)


def sequences(processor: str) -> dict[str, list[int]]:
    """The sequences of each stream in the order the processor handled them."""
    seen: dict[str, list[int]] = defaultdict(list)
    for effect in Effect.objects.filter(processor=processor).order_by("id"):
        seen[effect.stream].append(effect.sequence)
    return seen


def test_a_retrying_event_holds_back_its_own_key_only() -> None:
    publish(Probed(n=1, fails=1, by="probe.atomic"), stream="held")
    publish(Probed(n=2), stream="held")
    publish(Probed(n=3), stream="free")
    registry_retry = registry.processor("probe.atomic")
    drain.drain(registry_retry)
    # base=0 makes the retry due at once, so by now all are done: and in order.
    settle()
    assert sequences("probe.atomic") == {"held": [1, 2], "free": [1]}


def test_a_dead_letter_parks_what_is_behind_it_until_it_is_retried() -> None:
    publish(Probed(n=1, rejects="probe.atomic"), stream="held")
    publish(Probed(n=2), Probed(n=3), stream="held")
    publish(Probed(n=4), stream="free")
    settle()
    assert sequences("probe.atomic") == {"free": [1]}
    dead = dead_letters.dead().get(processor="probe.atomic")
    assert dead_letters.discard([dead.letter], by="tester", reason="enough") == 1
    settle()
    assert sequences("probe.atomic") == {"free": [1], "held": [2, 3]}


def test_on_dead_skip_goes_on() -> None:
    publish(Probed(n=1, rejects="probe.skipping"), Probed(n=2), stream="held")
    settle()
    assert sequences("probe.skipping") == {"held": [2]}
    publish(Probed(n=3), stream="held")
    settle()
    assert sequences("probe.skipping") == {"held": [2, 3]}


def test_order_is_kept_by_the_key_that_the_type_names() -> None:
    for n in range(4):
        publish(Keyed(owner="ada", n=n), stream=f"thing-{n}")
    one_lane = Delivery.objects.filter(processor="probe.snoozing").values("slot").distinct()
    assert one_lane.count() == 1
    settle()
    handled = Effect.objects.filter(processor="probe.snoozing").order_by("id")
    assert [effect.stream for effect in handled] == [f"thing-{n}" for n in range(4)]


@pytest.mark.postgres  # on SQLite nobody appends before the other has committed
def test_events_that_share_a_key_are_handled_as_the_log_has_them() -> None:
    """Two streams, one key: who has the later position commits later, or a replay would differ."""

    def append(n: int) -> None:
        publish(Keyed(owner="ada", n=n), stream=f"thing-{n}")

    def second() -> None:
        append(2)
        connection.close()

    later = threading.Thread(target=second)
    with open_transaction(lambda: append(0)) as commit:
        later.start()
        eventually(lambda: not later.is_alive() or somebody_waits())
        settle()
        commit()
    later.join(60)
    settle()
    handled = Effect.objects.filter(processor="probe.snoozing").order_by("id")
    assert [effect.stream for effect in handled] == ["thing-0", "thing-2"]
    assert list(verify()) == []


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_only_types_with_a_key_lock_one() -> None:
    publish(Probed(n=1), stream="probe-1")
    assert dict(Stream.objects.values_list("name", "head")) == {"probe-1": 1}


def test_two_workers_never_work_on_one_lane() -> None:
    processor = registry.processor("probe.atomic")
    publish(Probed(n=1), stream="probe-1")
    claim = lanes.claim(processor, 16)
    assert claim is not None
    inside, both = threading.Event(), threading.Event()
    overlapping: list[int] = []

    def second() -> None:
        try:
            inside.wait(10)
            overlapping.append(len(batch.run(processor, claim, 10).outcomes))
        finally:
            both.set()
            connection.close()

    thread = threading.Thread(target=second)
    thread.start()
    real = batch.take

    def slow_take(*args: Any) -> Any:
        due = real(*args)
        if threading.current_thread() is not thread:
            inside.set()
            if connection.vendor == "postgresql":  # SQLite's second writer waits for the first
                both.wait(10)
        return due

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "take", slow_take)
        done = batch.run(processor, claim, 10)
    thread.join(20)
    assert len(done.outcomes) + sum(overlapping) == 1
    assert sequences("probe.atomic") == {"probe-1": [1]}


@pytest.mark.postgres  # SQLite's second writer reads nothing before the first has ended
def test_what_is_due_is_read_after_the_lane_is_locked(raw: Any) -> None:
    """Between a worker's statement and its lock another one does the work and commits.

    What the statement saw when it began is old by then, so nothing may be read from it.
    """
    processor = registry.processor("probe.atomic")
    publish(Probed(n=1), stream="probe-1")
    claim = lanes.claim(processor, 16)
    assert claim is not None
    raw(
        "CREATE FUNCTION wait_first() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "IF current_setting('probe.late', true) = 'yes' THEN "
        "PERFORM pg_advisory_xact_lock(77); END IF; RETURN true; END $$",
        "ALTER TABLE flowdeck_lane RENAME TO lane_behind",
        "CREATE VIEW flowdeck_lane AS SELECT * FROM lane_behind WHERE wait_first()",
        "SELECT pg_advisory_lock(77)",
    )
    late: list[int] = []

    def second() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET probe.late = 'yes'")
            late.append(len(batch.run(processor, claim, 10).outcomes))
        finally:
            connection.close()

    thread = threading.Thread(target=second)
    thread.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    eventually(lambda: raw(waiting) == 1)
    assert len(batch.run(processor, claim, 10).outcomes) == 1
    raw("SELECT pg_advisory_unlock(77)")
    thread.join(20)
    assert late == [0]
    assert sequences("probe.atomic") == {"probe-1": [1]}


@pytest.fixture
def raw() -> Iterator[Callable[..., Any]]:
    """Run statements; return the last one's first value, if any. The view goes at the end."""

    def run(*statements: str) -> Any:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None

    yield run
    run(
        "SELECT pg_advisory_unlock_all()",
        "DROP FUNCTION IF EXISTS wait_first CASCADE",
        "ALTER TABLE IF EXISTS lane_behind RENAME TO flowdeck_lane",
    )


@pytest.mark.parametrize("expected", [True, False], ids=["expected_sequence", "unconditional"])
def test_concurrent_appends_to_one_stream_leave_no_gap(expected: bool) -> None:
    """With a condition exactly one of the racers wins each sequence; without, all get one."""
    conflicts: list[Exception] = []
    won: list[int | None] = []
    start = threading.Barrier(4)

    def append(number: int) -> None:
        try:
            start.wait(10)
            for _ in range(10):
                try:
                    head = Stream.objects.filter(name="hot").values_list("head", flat=True).first()
                    at = (head or 0) if expected else None
                    publish(Probed(n=number), stream="hot", expected_sequence=at)
                    won.append(at)
                except SequenceConflict as conflict:
                    conflicts.append(conflict)
        finally:
            connection.close()

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    written = list(Event.objects.order_by("position").values_list("sequence", flat=True))
    assert written == list(range(1, 41 - len(conflicts)))
    assert len(set(won)) == len(won) if expected else not conflicts
