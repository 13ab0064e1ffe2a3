"""Given these events, when processors run, then those follow: tests of a flow, in one process."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck.conf import conf
from flowdeck.declare.event import Draft, Event, StoredEvent
from flowdeck.declare.states import DeliveryState
from flowdeck.log.positions import newest_position
from flowdeck.log.publishing import publish
from flowdeck.models import Attempt, Delivery
from flowdeck.testing import faults, outline
from flowdeck.testing.expectations import Wanted, found_wrong, told
from flowdeck.testing.work import time_passes

STREAM = "flow"


class Flow:
    """A flow under test, step by step::

        flow.given(BookLent(book_id=1, reader_id=2)).run("reminder")
        flow.expect(ReminderSent(book_id=1)).nothing_dead()

    All that is given belongs to one trace, unless a Draft says otherwise. Work is done in the
    process and transaction of the test; no bell rings. :meth:`run` raises what a handler raised.
    """

    def __init__(self) -> None:
        self._before = newest_position()
        self._given: set[int] = set()
        self._correlation = uuid7()
        self._steps: list[Callable[[], Any]] = []
        self._ran: tuple[str, ...] = ()
        self._start = faults.Start()

    # Given -------------------------------------------------------------------------------------
    def given(self, *events: Event | Draft, stream: str = STREAM) -> Flow:
        """These have happened, in this order, in ``stream`` (or each Draft in its own)."""
        drafts = [one if isinstance(one, Draft) else Draft(one) for one in events]
        drafts = [one if one.stream else replace(one, stream=stream) for one in drafts]
        last = self._steps[-1] if self._steps else None
        if isinstance(last, _Given):  # one thing with what was given just before
            last.drafts += drafts
            self._publish(drafts)
            return self
        return self._do(_Given(self._publish, drafts))

    # When --------------------------------------------------------------------------------------
    def run(self, *processors: str, tolerant: bool = False) -> Flow:
        """Let the named processors (all, if none) work until nothing is due for them.

        Raises what the first failing handler raised, but for Reject and Snooze. A ``tolerant`` run
        does as production does instead: attempts are repeated without waiting, until they succeed
        or are used up. Raises UnknownProcessor.
        """
        self._ran = processors
        return self._do(lambda: self._work(processors, tolerant))

    def passes(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> Flow:
        """Time passes for deliveries, timers and schedules that wait; who ran last runs again."""
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        ran = self._ran

        def later() -> None:
            time_passes(span)
            self._work(ran, False)

        return self._do(later)

    # Then --------------------------------------------------------------------------------------
    def expect(self, *events: Wanted) -> Flow:
        """These followed, in this order, others between them or not; a class stands for any of it.

        Raises AssertionError, which tells what followed instead.
        """
        return self._assert(found_wrong(events, self._followed(), only=False))

    def expect_only(self, *events: Wanted) -> Flow:
        """These followed, in this order, and nothing else."""
        return self._assert(found_wrong(events, self._followed(), only=True))

    def nothing_dead(self) -> Flow:
        """No delivery has become a dead letter."""
        dead = self._dead()
        lines = [f"  {one.processor}: {one.event.type} ({_why(one)})" for one in dead]
        return self._assert("\n".join(["There are dead letters:", *lines]) if dead else "")

    def dead(self, processor: str, error: str = "") -> Flow:
        """A delivery to ``processor`` is a dead letter, with ``error`` in what its failure says."""
        whys = [_why(one) for one in self._dead() if one.processor == processor]
        if any(error in why for why in whys):
            return self
        return self._assert(f"No dead letter of {processor!r} says {error!r}; there are {whys}.")

    def assert_trace(self, expected: str, correlation_id: UUID | None = None) -> Flow:
        """The tree of causes is this one (:func:`flowdeck.testing.outline.outline`), or a diff."""
        found = outline.outline(correlation_id or self._correlation)
        return self._assert(outline.differences(expected, found))

    @contextmanager
    def publishes(self, *events: Wanted) -> Iterator[None]:
        """What happens in the block publishes these; for tests of views, commands and the like."""
        before = newest_position()
        yield
        self._assert(found_wrong(events, told(before), only=True))

    # Faults ------------------------------------------------------------------------------------
    def survives(
        self,
        fault: faults.Fault,
        *,
        watching: Sequence[list[Any]] = (),
        ignoring: Sequence[str] = (),
    ) -> Flow:
        """The same comes of it all with ``fault``: ``crashes``, ``twice`` or ``out_of_order``.

        All steps so far are repeated from their start, with the fault at one place after the other.
        Compared are events, rows of the apps whose processors ran, mails, and what is added to the
        lists of ``watching`` (calls of a fake, say). Moments and ids that the database counts are
        left out, and fields named in ``ignoring``. Raises AssertionError that says after which step
        what differs; needs the transaction of a test.
        """
        trial = faults.Trial(self._start, self._steps, self._again, watching, ignoring)
        return self._assert(trial.of(fault))

    def _do(self, step: Callable[[], Any]) -> Flow:
        self._start.remember()
        self._steps.append(step)
        step()
        return self

    def _again(self) -> None:
        self._given = set()

    def _publish(self, drafts: list[Draft]) -> None:
        ordered = self._start.reordered(drafts)
        receipt = publish(*ordered, correlation_id=self._correlation)
        self._given.update(receipt.positions)

    def _work(self, names: Sequence[str], tolerant: bool) -> None:
        errors = self._start.work(names, tolerant)
        if errors and not tolerant:
            raise errors[0]

    def _followed(self) -> list[StoredEvent]:
        return [one for one in told(self._before) if one.position not in self._given]

    def _dead(self) -> list[Delivery]:
        rows = Delivery.objects.filter(event_id__gt=self._before, state=DeliveryState.DEAD)
        return list(rows.select_related("event").order_by("event_id", "processor"))

    def _assert(self, wrong: str) -> Flow:
        if wrong:
            raise AssertionError(wrong)
        return self


@dataclass
class _Given:
    """The step that publishes what has happened."""

    publish: Callable[[list[Draft]], None]
    drafts: list[Draft]

    def __call__(self) -> None:
        self.publish(self.drafts)


class FlowMixin(unittest.TestCase):
    """For a ``TestCase`` of Django: ``self.flow`` is a new flow in each test."""

    flow: Flow
    databases: Any

    def __init_subclass__(cls, **options: Any) -> None:
        """Its tests may ask the database of the log, whichever that is."""
        super().__init_subclass__(**options)
        named = getattr(cls, "databases", None)
        if isinstance(named, (set, frozenset)):
            cls.databases = named | {conf().DATABASE}

    def setUp(self) -> None:
        """Begin a flow."""
        super().setUp()
        self.flow = Flow()


def _why(delivery: Delivery) -> str:
    tries = Attempt.objects.filter(event_id=delivery.event_id, processor=delivery.processor)
    last = tries.order_by("-number", "-id").first()
    return f"{last.error}: {last.message}" if last else "unknown"
