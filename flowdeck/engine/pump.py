"""The pump: a drain whose handler is called for many keys at once, under leases.

It claims lanes until its window is full, starts the first due delivery of each key, and commits
what has come back while the others are in the air. Only then the next one of a key is taken, so
order per key is kept. Whatever kills the process, what was in the air is done again, nothing else.

After its time it claims nothing more and lets go of lanes that have nothing in the air. A lane with
a straggler it goes on serving, so that other keys of it need not wait for that one, for as long as
the processor's time-out allows, or for a minute. Of a limited processor each call has a claim of
its own, which begins when the database has said.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType

from flowdeck import telemetry
from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.registry import Processor
from flowdeck.declare.states import UNFINISHED
from flowdeck.engine import batch, careful, lanes, leases, settling, taking, watchdog
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.calls import Call, Calls
from flowdeck.engine.lanes import Claim
from flowdeck.engine.outcome import Outcome
from flowdeck.engine.settling import Batch
from flowdeck.errors import LeaseLost
from flowdeck.models import Due
from flowdeck.sql import DueDelivery

_LOOK_AGAIN = 0.05  # seconds between two looks for more, as long as there was none
_STRAGGLER = 1.0  # seconds in the air after which a call holds its lane for itself no longer
_SERVED = 60.0


def drain(processor: Processor, end: float, bell_is_clear: Callable[[], bool]) -> int:
    """Work on ``processor`` until nothing is due, or up to ``end``; return how much was settled.

    A fault of the database ends it early; the sweep starts it again.
    """
    with Pump(processor, end) as pump:
        while True:
            pump.fill()
            last_look = bell_is_clear()
            if pump.empty and (pump.closing or last_look):
                break
            pump.turn()
    if pump.deaf and threading.current_thread() is threading.main_thread():
        os._exit(watchdog.TIMED_OUT)
    if time.monotonic() >= end:
        bell.ring([processor.name])
    return pump.settled


class Pump:
    """What one drain has claimed, is about to start, has in the air, and has yet to commit.

    Each lane has a claim of its own in it; those that were claimed together share a token.
    """

    def __init__(self, processor: Processor, end: float) -> None:
        self._processor, self._end = processor, end
        self._calls = Calls(processor)
        self._claims: list[Claim] = []
        self._kept = ExitStack()
        self._ready: deque[tuple[DueDelivery, Claim]] = deque()
        self._busy: set[str] = set()  # keys in hand, or set aside because of a fault
        self._fruitful: set[int] = set()  # ids of lanes that something was started of
        self._fruitless: set[int] = set()  # nothing was: what waits there is held back
        self._look_at = 0.0
        self._rang = self._broken = False
        self.settled = 0

    def __enter__(self) -> Pump:
        """Nothing is claimed yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        """Drop what is in the air; a fault of the database, or of a lease, is told and no error."""
        self._calls.end()
        self._kept.close()
        if not isinstance(error, Exception):
            return False
        lost = isinstance(error, LeaseLost)
        if not lost:
            for claim in self._claims:
                careful.note(self._processor, claim, error)
        if not (lost or infrastructure.is_fault(error)):
            return False
        self._tell(error)
        return True

    @property
    def closing(self) -> bool:
        """Whether nothing more is claimed."""
        return self._broken or time.monotonic() >= self._end

    @property
    def empty(self) -> bool:
        """Whether nothing is in hand."""
        return not (self._calls or self._ready or self._claims)

    @property
    def deaf(self) -> bool:
        """Whether a handler hangs that nothing ends."""
        return self._calls.deaf

    def fill(self) -> None:
        """Start what may start, and claim more until the window is full or nothing is there."""
        try:
            while self._started() and not self.closing:
                if not self._claimed():
                    self._look_at = time.monotonic() + _LOOK_AGAIN
                    break
        except Exception as error:
            if not infrastructure.is_fault(error):
                raise
            self._broken = True  # what is in the air is not lost for it
            self._tell(error)
            connection.close_if_unusable_or_obsolete()

    def turn(self) -> None:
        """Wait for what comes back, and commit it; let go of lanes that have nothing in hand."""
        self._keep(self._calls.landed())
        if self.deaf:
            self._broken = True
            self._calls.end()
        self._let_go()

    def _started(self) -> bool:
        """Start what may start of what is claimed; whether there is room for more, now."""
        self._start_ready()
        wanted = self._processor.overlap - len(self._calls)
        if wanted <= 0 or (time.monotonic() < self._look_at and not self.empty):
            return False
        if self._processor.limited:
            return True
        served = self._claims if not self.closing else self._with_stragglers()
        if not served:
            return True
        wanted += self._processor.overlap  # some to be started as soon as results are committed
        found = self._first_of(served, wanted)
        self._ready.extend(found)
        self._start_ready()
        if len(found) == wanted and not self._rang:
            self._rang = True
            bell.ring([self._processor.name])  # there is more than this worker's fill
        return len(self._calls) < self._processor.overlap

    def _first_of(self, claims: list[Claim], most: int) -> list[tuple[DueDelivery, Claim]]:
        found = taking.fetch_first(self._processor, claims, self._busy, most)
        self._busy.update(due.event.key for due, _ in found)
        self._fruitful.update(one for _, claim in found for one in claim.ids)
        return found

    def _start_ready(self) -> None:
        while self._ready and len(self._calls) < self._processor.overlap:
            self._calls.start(*self._ready.popleft())

    def _claimed(self) -> bool:
        claim = lanes.claim(self._processor, conf().LANES_PER_CLAIM, self._fruitless)
        if claim is None:
            return False
        suspicious = claim.suspicious()
        if suspicious is not None:
            self._carefully(claim.only(suspicious))
        each = [claim.only(lane) for lane in claim.lanes if lane is not suspicious]
        self._claims += each
        if each:
            self._kept.enter_context(leases.kept(claim))
        if each and self._processor.limited:
            self._start_limited(each[0])
        return True

    def _start_limited(self, claim: Claim) -> None:
        due = taking.fetch(self._processor, claim, 1)
        for one in due:
            self._fruitful.update(claim.ids)
            self._calls.start(one, claim)

    def _carefully(self, claim: Claim) -> None:
        try:
            count = len(careful.run_one(self._processor, claim).outcomes)
        except Exception as error:
            careful.note(self._processor, claim, error)
            raise
        self.settled += count
        if not count:
            self._fruitless.update(claim.ids)

    def _with_stragglers(self) -> list[Claim]:
        if time.monotonic() > self._end + (self._processor.timeout or _SERVED):
            return []
        held = {id(call.claim) for call in self._calls if call.seconds > _STRAGGLER}
        return [claim for claim in self._claims if id(claim) in held]

    def _keep(self, landed: list[tuple[Call, Outcome | Exception]]) -> None:
        came: list[tuple[Claim, Outcome]] = []
        for call, what in landed:
            if isinstance(what, Exception):
                self._tell(what)  # its key stays in hand: the next drain tries it again
            else:
                came.append((call.claim, what))
        if self._processor.limited:  # each has a claim of its own
            for claim, outcome in came:
                self._commit([outcome], partial(leases.lock, self._processor, claim))
                self._claims.remove(claim)
        elif came:
            claims = list({id(claim): claim for claim, _ in came}.values())
            outcomes = [outcome for _, outcome in came]
            self._commit(outcomes, partial(self._hold, claims, outcomes))

    def _hold(self, claims: list[Claim], outcomes: list[Outcome]) -> None:
        """Lock the lanes. Raises LeaseLost, also if a commit that seemed to fail had succeeded."""
        leases.hold(self._processor, claims)
        tries = {one.due.position: one.due.attempts for one in outcomes}
        rows = Due.objects.filter(
            processor=self._processor.name, event_id__in=list(tries), state__among=UNFINISHED
        )
        if dict(rows.values_list("event_id", "attempts")) != tries:
            leases.lost(self._processor)

    def _commit(self, outcomes: list[Outcome], lock: Callable[[], None]) -> None:
        tried = Batch(len(outcomes), outcomes)
        done = batch.keep_results(self._processor, tried, lock)
        settling.tell(self._processor, done)
        self._busy.difference_update(one.due.event.key for one in done.outcomes)
        self.settled += len(done.outcomes)
        self._look_at = 0.0

    def _let_go(self) -> None:
        """Of lanes that have nothing in hand: nothing is due on them, or the time is over."""
        if self.closing:
            self._busy.difference_update(due.event.key for due, _ in self._ready)
            self._ready.clear()
        elif not self._look_at:
            return
        in_hand = {id(claim) for _, claim in self._ready} | {id(call.claim) for call in self._calls}
        idle = [claim for claim in self._claims if id(claim) not in in_hand]
        if not idle:
            return
        leases.let_go(idle)
        self._claims = [claim for claim in self._claims if id(claim) in in_hand]
        ids = {one for claim in idle for one in claim.ids}
        self._fruitless |= ids - self._fruitful
        self._fruitful -= ids

    def _tell(self, error: Exception) -> None:
        telemetry.emit(telemetry.InfrastructureFault(self._processor.name, error))
