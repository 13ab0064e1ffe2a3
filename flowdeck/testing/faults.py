"""The same flow once more with a fault in it, at each place where there can be one.

What ends a worker is raised before each statement and around each handler. What its transaction had
written is rolled back then, as the database would; what it did outside stays done, as in life.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from flowdeck.database import connection
from flowdeck.declare.event import Draft
from flowdeck.declare.registry import registry
from flowdeck.engine.faults import Interrupted
from flowdeck.errors import FlowdeckError
from flowdeck.letters.redelivery import Choice, redeliver
from flowdeck.testing.snapshot import Snapshot
from flowdeck.testing.work import work, worker_is_gone

Fault = Literal["crashes", "twice", "out_of_order"]
MOST_PLACES = 200
_MOST_ORDERS = 8


class Crash(Interrupted):
    """The worker process ends here."""


@dataclass
class Start:
    """How the steps of a flow are done: with which fault, from which state of the database."""

    crash_at: int | None = None
    order: int = 0
    streams: int = 0
    savepoint: Any = None
    places: list[str] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)

    def remember(self) -> None:
        """Keep the state before the first step, where there is a transaction to go back in."""
        if self.savepoint is None and connection.in_atomic_block:
            self.savepoint = connection.savepoint()

    def go_back(self) -> None:
        """To the state before the first step."""
        if self.savepoint is None:
            raise FlowdeckError(
                "survives() begins anew several times, which needs the transaction of a test: use "
                "a TestCase, or django_db without transaction=True."
            )
        connection.savepoint_rollback(self.savepoint)
        self.places = []

    def reordered(self, drafts: list[Draft]) -> list[Draft]:
        """The same events with those of another stream first; of one stream in their order."""
        streams = list(dict.fromkeys(draft.stream for draft in drafts))
        self.streams = max(self.streams, len(streams))
        if not self.order:
            return drafts
        first = self.order % len(streams)
        turned = streams[first:] + streams[:first]
        return sorted(drafts, key=lambda draft: turned.index(draft.stream))

    def work(self, names: Sequence[str], tolerant: bool) -> list[BaseException]:
        """Work as :func:`flowdeck.testing.work.work` does; after a crash another worker goes on."""
        self.ran = sorted({*self.ran, *(names or registry.processors)})
        while True:
            try:
                return work(names, hurry=tolerant, step=self._step)
            except Crash:
                worker_is_gone()

    def _step(self, text: str) -> None:
        self.places.append(text)
        if self.crash_at == len(self.places) - 1:
            self.crash_at = None
            raise Crash(text)


class Trial:
    """What comes of the ``steps`` with a fault, compared with what came of them without."""

    def __init__(
        self,
        start: Start,
        steps: Sequence[Callable[[], Any]],
        again: Callable[[], None],
        watching: Sequence[list[Any]],
        ignoring: Sequence[str],
    ) -> None:
        self._start, self._steps, self._again = start, steps, again
        self._watching, self._ignoring = watching, ignoring

    def of(self, fault: Fault) -> str:
        """What differs with the ``fault``; nothing if nothing does."""
        try:
            clean = self._outcome()
            ways = {"crashes": self._crashes, "twice": self._twice, "out_of_order": self._turned}
            return next((wrong for wrong in ways[fault](clean) if wrong), "")
        finally:
            self._start.crash_at, self._start.order = None, 0
            self._outcome()  # the test goes on with what came of it without a fault

    def _outcome(self, after: Callable[[], None] = lambda: None) -> Snapshot:
        self._start.go_back()
        self._again()
        before = Snapshot.outside(self._watching)
        for step in self._steps:
            step()
        after()
        return Snapshot.taken(self._start.ran, self._watching, self._ignoring).since(before)

    def _crashes(self, clean: Snapshot) -> Iterator[str]:
        places = list(self._start.places)
        for place in _spread(places):
            self._start.crash_at = place
            outcome = self._outcome()
            where = f"A worker that ends {places[place]} (step {place + 1} of {len(places)})"
            yield clean.differences(outcome, where)

    def _twice(self, clean: Snapshot) -> Iterator[str]:
        outcome = self._outcome(after=self._give_again)
        yield clean.differences(outcome, "A delivery that is made twice")

    def _give_again(self) -> None:
        for name in self._start.ran:
            declared = registry.processor(name)
            if not (declared.replayable or declared.remembers):  # neither may be given again
                redeliver(name, Choice(after=0), by="a test", reason="twice")
        self._start.work(self._start.ran, False)

    def _turned(self, clean: Snapshot) -> Iterator[str]:
        for order in range(1, min(self._start.streams, _MOST_ORDERS)):
            self._start.order = order
            yield clean.differences(self._outcome(), f"Another order of streams ({order})")


def _spread(places: Sequence[str]) -> list[int]:
    """All places, or as many as there may be, those around handlers among them."""
    every = range(len(places))
    if len(places) <= MOST_PLACES:
        return list(every)
    around = [n for n in every if " the handler of " in places[n]][:MOST_PLACES]
    step = len(places) // (MOST_PLACES - len(around) + 1) + 1
    return sorted({*around, *every[::step]})
