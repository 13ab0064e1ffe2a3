"""Any history of appends, work, failures, crashes, pauses and repairs keeps the invariants.

A hypothesis state machine: it draws histories at random, compares the log with a model of it after
each step, and shrinks a history that breaks an invariant to the shortest one that does.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from flowdeck import SequenceConflict, publish, read_stream
from flowdeck.declare.registry import registry
from flowdeck.engine import batch, drain, lanes, leases, pause, settling
from flowdeck.letters import dead_letters, floors
from flowdeck.models import Attempt, Delivery, Done, Due, Event, Lane
from flowdeck.sql import dialect
from flowdeck.testing import settle
from tests.guarantees.leases import run_out
from tests.guarantees.test_exactly_once import Crash, crash_at
from tests.probe.events import Probed
from tests.probe.models import Effect, Tally
from tests.probe.processors import AT_ONCE
from tests.under_way import open_transaction

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.batch", "probe.leased"]
STEPS = {
    "take": (batch, "take"),
    "fetch": (batch, "fetch"),
    "lock": (leases, "lock"),
    "handle": (batch, "attempt"),
    "append": (settling, "append"),
    "mark": (dialect(), "mark"),
    "tell": (batch, "tell"),
}
ATOMIC = ["take", "handle", "append", "mark", "tell"]
CRASHES = [
    *(("probe.atomic", step) for step in ATOMIC),
    *(("probe.batch", step) for step in ATOMIC if step != "handle"),
    *(("probe.leased", step) for step in ["fetch", "lock", *ATOMIC[1:]]),
]
MOST = AT_ONCE.max_attempts
names, kinds = st.sampled_from("abc"), st.sampled_from(KINDS)


class History(RuleBasedStateMachine):
    """``log``: what was published, by stream; each history has streams of its own."""

    history = 0

    def __init__(self) -> None:
        super().__init__()
        forget_work()
        History.history += 1
        self.log: dict[str, list[int]] = {f"{name}-{self.history}": [] for name in "abc"}
        self.published = 0
        self.late: Any = None

    @rule(name=names, fails=st.integers(0, 4), by=kinds, rejected_by=st.sampled_from([*KINDS, ""]))
    def publish_one(self, name: str, fails: int, by: str, rejected_by: str) -> None:
        self._publish(name, 1, fails=fails, by=by, rejects=rejected_by)

    @rule(name=names, number=st.integers(2, 5))
    def publish_several(self, name: str, number: int) -> None:
        self._publish(name, number)

    @rule(name=names, behind=st.integers(0, 2))
    def publish_on_condition(self, name: str, behind: int) -> None:
        stream = f"{name}-{self.history}"
        expected = len(read_stream(stream)) - behind
        if expected < 0:
            return
        try:
            publish(Probed(n=-1), stream=stream, expected_sequence=expected)
        except SequenceConflict:
            assert behind
        else:
            assert not behind
            self.log[stream].append(-1)

    def _publish(self, name: str, number: int, **options: Any) -> None:
        stream = f"{name}-{self.history}"
        events = [Probed(n=self.published + n, echoes=1, **options) for n in range(number)]
        publish(*events, stream=stream)
        self.published += number
        self.log[stream] += [event.n for event in events]

    @rule(limit=st.integers(1, 3), kind=kinds)
    def work_a_little(self, limit: int, kind: str) -> None:
        claim = lanes.claim(registry.processor(kind), 4)
        if claim is not None:
            batch.run(registry.processor(kind), claim, limit)
            lanes.leave(claim)

    @rule()
    def note_what_is_settled(self) -> None:
        floors.note_settled()

    @rule(name=names)
    def begin_to_publish(self, name: str) -> None:
        """Somebody else's, who has a position and takes long to commit."""
        if connection.vendor == "postgresql" and self.late is None:
            late = open_transaction(lambda: publish(Probed(n=0), stream=f"late-{name}"))
            self.late = late
            late.__enter__()

    @rule()
    def commit_what_was_begun(self) -> None:
        if self.late is not None:
            self.late.__exit__(None, None, None)
            self.late = None

    @rule(name=names, where=st.sampled_from(CRASHES), after=st.booleans())
    def crash(self, name: str, where: tuple[str, str], after: bool) -> None:
        kind, step = where
        self._publish(name, 1)  # or most crashes would find nothing to do
        with pytest.MonkeyPatch.context() as patched:
            crash_at(patched, STEPS[step], 1, after=after)
            try:
                drain.drain(registry.processor(kind))
            except Crash:
                connection.close()
        run_out()
        Lane.objects.update(claims=0)  # workers did not die often enough for careful mode

    @rule(name=names)
    def lose_the_lease(self, name: str) -> None:
        """A worker is frozen at the end of its handler; another one does the work meanwhile."""
        self._publish(name, 1)
        processor, real = registry.processor("probe.leased"), batch.attempt

        def overtaken(*args: Any) -> Any:
            outcome = real(*args)
            patched.undo()
            run_out()
            drain.drain(processor)
            return outcome

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(batch, "attempt", overtaken)
            drain.drain(processor)

    @rule(kind=kinds)
    def pause_or_resume(self, kind: str) -> None:
        assert pause.pause(kind, by="tester", reason="") or pause.resume(kind, by="tester")

    @rule(data=st.data())
    def resolve_a_dead_letter(self, data: st.DataObject) -> None:
        dead = list(dead_letters.dead().values_list("letter", flat=True))
        if dead:
            chosen = data.draw(st.sampled_from(dead))
            if data.draw(st.booleans()):
                assert dead_letters.retry([chosen], by="tester") == 1
            else:
                assert dead_letters.discard([chosen], by="tester", reason="test") == 1

    @invariant()
    def the_log_is_the_model(self) -> None:
        for stream in self.log:
            assert [event.payload["n"] for event in self._of(stream)] == self.log[stream]

    def _of(self, stream: str) -> list[Any]:
        """The published events of the stream, without what handlers added; no gap in either."""
        events = read_stream(stream)
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        return [event for event in events if event.type == "Probed"]

    @invariant()
    def handled_in_order_and_once(self) -> None:
        for kind in ("probe.atomic", "probe.batch"):
            effects = Effect.objects.filter(processor=kind).order_by("id")
            for stream in self.log:
                seen = [effect.position for effect in effects if effect.stream == stream]
                assert seen == sorted(set(seen)), (kind, stream, seen)

    @invariant()
    def nothing_is_tried_before_what_is_ahead_of_it_is_over(self) -> None:
        ahead: set[tuple[str, str]] = set()  # processors and keys of which something is not over
        found = Delivery.objects.filter(processor__in=KINDS)
        for one in found.select_related("event").order_by("event_id"):
            if (one.processor, one.event.key) in ahead:
                assert (one.state, one.attempts) == ("pending", 0), (one.processor, one.event.key)
            elif one.state not in ("done", "discarded"):
                ahead.add((one.processor, one.event.key))

    @invariant()
    def due_or_done_never_both_never_neither(self) -> None:
        published = Event.objects.filter(type="Probed", stream__in=self.log)
        positions = list(published.values_list("position", flat=True))
        for kind in KINDS:
            due = set(Due.objects.filter(processor=kind).values_list("event_id", flat=True))
            done = set(Done.objects.filter(processor=kind).values_list("event_id", flat=True))
            assert not due & done, (kind, due & done)
            assert (due | done) >= set(positions), (kind, set(positions) - due - done)

    @invariant()
    def nothing_is_below_its_floor(self) -> None:
        assert floors.wrong() == []

    @invariant()
    def emitted_once_and_only_by_what_is_done(self) -> None:
        done = Counter(
            Delivery.objects.filter(
                state="done", processor__in=KINDS, event__data__echoes=1
            ).values_list("processor", "event__id")
        )
        emitted = Event.objects.filter(type="Echoed", stream__in=self.log)
        assert Counter(emitted.values_list("producer", "causation_id")) == done

    @invariant()
    def emitted_in_the_order_of_what_was_handled(self) -> None:
        position_of = dict(Event.objects.values_list("id", "position"))
        emitted = Event.objects.filter(type="Echoed", stream__in=self.log).order_by("position")
        causes: dict[tuple[str, str], list[int]] = {}
        for stream, producer, cause in emitted.values_list("stream", "producer", "causation_id"):
            causes.setdefault((stream, producer), []).append(position_of[cause])
        for by, positions in causes.items():
            assert positions == sorted(positions), (by, positions)

    @invariant()
    def attempts_are_as_many_as_it_took(self) -> None:
        """Neither a crash nor a pause uses one up, and each that failed is kept."""
        over = Delivery.objects.filter(processor__in=KINDS, state__in=["done", "dead"])
        kept = Counter(Attempt.objects.values_list("event_id", "processor"))
        for one in over.select_related("event"):
            asked = one.event.data
            if one.state == "done":
                failures = asked["fails"] if asked["by"] == one.processor else 0
                wanted = failures + 1
            else:
                wanted = (1 if asked["rejects"] == one.processor else MOST) + one.retried
            assert one.attempts == wanted, (one.state, one.attempts, asked)
            assert kept[one.pk] == one.attempts - (one.state == "done")

    def teardown(self) -> None:
        """In the end everything is done, dead, discarded, or waits behind a dead letter."""
        self.commit_what_was_begun()
        for kind in KINDS:
            pause.resume(kind, by="tester")
        settle()
        for delivery in Delivery.objects.filter(state="pending"):
            assert Delivery.objects.filter(
                processor=delivery.processor,
                key=delivery.key,
                state="dead",
                event_id__lt=delivery.event_id,
            ).exists()
        assert not Delivery.objects.filter(state="retrying").exists()


def forget_work() -> None:
    """Empty all tables that are no log, between two histories."""
    for model in (Attempt, Due, Done, Effect, Tally):
        model.objects.all().delete()
    Lane.objects.update(claims=0, suspect=None)
    run_out()


@pytest.mark.parametrize("histories", [3, pytest.param(40, marks=pytest.mark.long)])
def test_any_history_keeps_the_invariants(histories: int) -> None:
    run_state_machine_as_test(
        History,
        settings=settings(
            max_examples=histories,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
