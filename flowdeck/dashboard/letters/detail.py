"""One dead letter whole: its event, every attempt with its traceback, and what people did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowdeck.dashboard.event.detail import Done, EventDetail, detail_of
from flowdeck.dashboard.shared.retried import retry_told
from flowdeck.dashboard.shared.stack import Group, groups_of
from flowdeck.dashboard.shared.waits import Tried, rounds_told, with_waits
from flowdeck.dashboard.shell.records import Record
from flowdeck.letters.dead_letters import dead
from flowdeck.letters.held_back import behind
from flowdeck.models import Attempt, AuditEntry, Delivery
from flowdeck.observe.causes import tries_of
from flowdeck.observe.states import derive
from flowdeck.people.access import can

_ATTEMPTS = 20
_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class LetterDetail:
    """All that the drawer shows. ``told`` is what became of its last retry by hand; ``last`` is the
    newest failed attempt, ``stack`` its traceback; ``history`` is what people did, None for who may
    not see the audit."""

    delivery: Delivery
    told: str
    attempts: list[Tried]
    counted: str
    last: Attempt | None
    stack: list[Group]
    waiting: int
    same_key: int
    record: Record
    data: EventDetail
    history: list[Done] | None
    may_see_log: bool


@dataclass(frozen=True, slots=True)
class LetterNow:
    """What changes of a letter: its tries, and what became of its last retry by hand."""

    tries: list[Tried]
    counted: str
    told: str


def now_of(delivery: Delivery) -> LetterNow:
    """Look at its tries; a constant number of queries."""
    newest = delivery.failures.order_by("-number", "-id").defer("traceback")
    state = derive([delivery])[delivery.pk]
    tries = with_waits(delivery, tries_of(delivery, list(newest[:_ATTEMPTS])[::-1], state))
    return LetterNow(tries, rounds_told(delivery, tries), retry_told(delivery, state.state))


def letter_of(delivery: Delivery, user: Any) -> LetterDetail:
    """Read what belongs to a delivery; a constant number of queries."""
    now = now_of(delivery)
    last = delivery.failures.order_by("-number", "-id").first()
    event = detail_of(delivery.event, user)
    return LetterDetail(
        delivery=delivery,
        told=now.told,
        attempts=now.tries,
        counted=now.counted,
        last=last,
        stack=groups_of(last.traceback) if last else [],
        waiting=behind([delivery]).get(delivery.pk, 0),
        same_key=_dead_of_key(delivery),
        record=event.record,
        data=event,
        history=_history(delivery, event.people) if event.may_see_audit else None,
        may_see_log=bool(can(user, "view_log")),
    )


def _history(delivery: Delivery, done: list[Done]) -> list[Done]:
    """What people did with its event, and with its group."""
    group = AuditEntry.objects.filter(target=f"group {delivery.fingerprint}").order_by("-id")
    both = [*done, *(Done(entry, "") for entry in group[:_ENTRIES])]
    return sorted(both, key=lambda one: -one.entry.pk)[:_ENTRIES]


def _dead_of_key(delivery: Delivery) -> int:
    same = dead().filter(processor=delivery.processor, key=delivery.event.key)
    return same.order_by().count()
