"""A proof: what a dead letter and all that waits behind it would do with another payload.

The correction is written, the letter made due, its handler run, and then that of each delivery that
is parked behind it on its key, in order; all in one transaction that is rolled back after two
seconds at the latest. So what a proof tells is what came of it, not what somebody thinks would.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any

from django.db import DatabaseError

from flowdeck import clock
from flowdeck.database import connection, transaction
from flowdeck.declare.event import Draft, StoredEvent
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.engine import taking
from flowdeck.engine.outcome import Outcome, failed
from flowdeck.engine.settling import finish
from flowdeck.engine.trial import Tried, rolled_back, try_out
from flowdeck.errors import FAULTS, FlowdeckError
from flowdeck.log import corrections
from flowdeck.log.append import read_at
from flowdeck.models import Due
from flowdeck.privacy.masking import scrubbed
from flowdeck.repair.shown import Change, Emitted, Table, changes, emitted, tables
from flowdeck.sql import DueDelivery

SECONDS = 2.0
"""How long a proof holds its locks at most."""
MOST = 100
"""Deliveries that are run behind the letter."""
_LIMITS = (
    f"SET LOCAL lock_timeout = {int(SECONDS * 500)}",
    f"SET LOCAL statement_timeout = {int(SECONDS * 1000)}",
)


class NoRepair(FlowdeckError):
    """A letter that can't be repaired, or not so; the message says why."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it is now: its event as it is read, and what waits behind it on its key."""

    number: int
    processor: Processor
    event: StoredEvent
    behind: tuple[int, ...]
    more: int
    tried: tuple[int, int]
    written: int

    def digest(self, payload: Mapping[str, Any]) -> str:
        """Another one for another payload, or once anything about the letter is otherwise."""
        known = (self.number, self.tried, self.written, self.behind, self.more)
        text = f"{known} {json.dumps(payload, sort_keys=True, default=str)}"
        return sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Step:
    """What one delivery would do: ``done``, ``retrying``, ``dead``, ``sleeping`` or ``not run``."""

    position: int
    type: str
    stream: str
    sequence: int
    state: str
    why: str = ""
    emitted: tuple[Emitted, ...] = ()
    tables: tuple[Table, ...] = ()
    unread: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What would happen. ``proved``: the letter would be done. ``left``: deliveries not run."""

    letter: int
    position: int
    processor: str
    digest: str
    changes: tuple[Change, ...]
    steps: tuple[Step, ...] = ()
    left: int = 0
    seconds: float = 0.0
    at: str = field(default="")

    @property
    def proved(self) -> bool:
        """Whether the letter itself would be done."""
        return bool(self.steps) and self.steps[0].state == DeliveryState.DONE

    @property
    def untried(self) -> bool:
        """Whether it could not be tried to its end, so nothing speaks against it either."""
        return bool(self.steps) and self.steps[0].state == NOT_RUN

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as JSON has them."""
        plain = {**asdict(self), "proved": self.proved, "untried": self.untried}
        found: dict[str, Any] = json.loads(json.dumps(plain, default=str))
        return found


NOT_RUN = "not run"


def letter(number: int) -> Letter:
    """The dead letter of this number. Raises NoRepair."""
    row = Due.objects.filter(letter=number, state=DeliveryState.DEAD).first()
    if row is None:
        raise NoRepair(f"There is no dead letter {number}: it was retried, or discarded.")
    processor = registry.processors.get(row.processor)
    if processor is None:
        raise NoRepair(f"No installed app declares {row.processor}: nobody would read the repair.")
    waiting = Due.objects.filter(
        state__among=UNFINISHED,
        processor=row.processor,
        slot=row.slot,
        key=row.key,
        event_id__gt=row.event_id,
    )
    behind = list(waiting.order_by("event_id").values_list("event_id", flat=True)[: MOST + 1])
    more = waiting.count() - MOST if len(behind) > MOST else 0
    (event,) = read_at([row.event_id])
    written = corrections.written_at([row.event_id]).get(row.event_id, 0)
    tried = (row.attempts, row.retried)
    parked = tuple(behind[:MOST]) if processor.parks else ()
    return Letter(number, processor, event, parked, more, tried, written)


def payload_of(found: Letter) -> dict[str, Any]:
    """The payload as it is now, to be edited. Raises NoRepair for one that can't be read."""
    try:
        return corrections.editable(found.event)
    except FlowdeckError as error:
        raise NoRepair(str(error)) from error
    except FAULTS as error:  # an upcaster's own
        raise NoRepair(f"It can't be read: {type(error).__name__}: {error}") from error


def meant(text: str, now: Any) -> Any:
    """What somebody means who typed ``text`` for a field that is ``now`` so: text stays text, of
    any other field it is JSON, if it can be read as such."""
    if isinstance(now, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def edited(found: Letter, given: Mapping[str, Any]) -> dict[str, Any]:
    """The payload with some fields replaced. Raises NoRepair for what does not fit its schema."""
    payload = {**payload_of(found), **given}
    try:
        corrections.checked(found.event, payload)
    except FlowdeckError as error:
        raise NoRepair(str(error)) from error
    return payload


def prove(found: Letter, payload: Mapping[str, Any], *, by: str, reason: str) -> Proof:
    """Run it and roll it back. Raises NoRepair if the database does not let it."""
    began = time.monotonic()
    before = payload_of(found)
    proof = Proof(
        letter=found.number,
        position=found.event.position,
        processor=found.processor.name,
        digest=found.digest(payload),
        changes=changes(found.event.type, before, payload),
        at=clock.now().isoformat(),
    )
    steps: list[Step] = []
    try:
        with rolled_back():
            _limit()
            corrections.correct(found.event, payload, by=by, reason=reason)
            Due.objects.filter(letter=found.number).update(state=DeliveryState.PENDING, due_at=None)
            for position in (found.event.position, *found.behind):
                steps.append(_step(found.processor, position, began + SECONDS))
                if steps[-1].state != DeliveryState.DONE and _holds(found.processor, steps[-1]):
                    break
    except DatabaseError as error:
        told = str(error).splitlines()[:1]  # what follows may tell of values
        raise NoRepair(f"The database did not let it be tried: {''.join(told)}") from error
    left = len(found.behind) + 1 - len(steps) + found.more
    return replace(proof, steps=tuple(steps), left=left, seconds=time.monotonic() - began)


def _limit() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for statement in _LIMITS:
                cursor.execute(statement)


def _holds(processor: Processor, step: Step) -> bool:
    return step.state != DeliveryState.DEAD or processor.parks


def _step(processor: Processor, position: int, end: float) -> Step:
    fetched = taking.fetch_one(processor, position)
    if not fetched:
        (event,) = read_at([position])
        return _told(event, NOT_RUN, "it is over by now")
    (due,) = fetched
    left = end - time.monotonic()
    if left <= 0:
        return _told(due.event, NOT_RUN, f"the {SECONDS:g} s of the proof were over")
    tried = try_out(processor, due, left)
    if tried.outcome is None:
        told = _told(due.event, NOT_RUN, tried.refused)
        return replace(told, answered=tried.answered, seconds=tried.seconds)
    return _settled(processor, due, tried, tried.outcome)


def _settled(processor: Processor, due: DueDelivery, tried: Tried, outcome: Outcome) -> Step:
    """Write what came of it, as after a batch: that may fail as well."""
    appended: list[StoredEvent] = []
    try:
        with transaction.atomic():
            places = finish(processor, [outcome])
            appended = read_at([one.position for one in places])
    except DatabaseError:
        raise
    except Exception as error:
        outcome = failed(processor, due, outcome.mark.started_at, error)
        finish(processor, [outcome])
    drafts = [one for one in outcome.emitted if isinstance(one, Draft) and one.when is not None]
    failure = outcome.failure
    return Step(
        position=due.event.position,
        type=due.event.type,
        stream=due.event.stream,
        sequence=due.event.sequence,
        state=outcome.mark.state,
        why=f"{failure.error}: {failure.message}" if failure else "",
        emitted=emitted(appended, drafts) if outcome.done else (),
        tables=tables(due.event, tried.rows) if outcome.done else (),
        unread=tuple(scrubbed(due.event.type, due.event.payload, one) for one in tried.unread),
        answered=tried.answered,
        seconds=tried.seconds,
    )


def _told(event: StoredEvent, state: str, why: str) -> Step:
    return Step(
        position=event.position,
        type=event.type,
        stream=event.stream,
        sequence=event.sequence,
        state=state,
        why=scrubbed(event.type, event.payload, why),
    )
