"""One dead letter whole: its event, every attempt with its traceback, and what people did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flowdeck.dashboard.event.detail import Done, EventDetail, detail_of
from flowdeck.dashboard.shared.stack import Group, groups_of
from flowdeck.dashboard.shared.waits import Tried, with_waits
from flowdeck.dashboard.shell.records import Record
from flowdeck.letters.dead_letters import dead
from flowdeck.letters.held_back import behind
from flowdeck.models import Attempt, AuditEntry, Delivery
from flowdeck.observe.traces import Try
from flowdeck.people.access import can

_ATTEMPTS = 20
_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class LetterDetail:
    """All that the drawer shows. ``last`` is the newest attempt, ``stack`` its traceback;
    ``history`` is what people did, None for who may not see the audit."""

    delivery: Delivery
    attempts: list[Tried]
    last: Attempt | None
    stack: list[Group]
    waiting: int
    same_key: int
    record: Record
    data: EventDetail
    history: list[Done] | None
    may_see_log: bool


def letter_of(delivery: Delivery, user: Any) -> LetterDetail:
    """Read what belongs to a delivery; a constant number of queries."""
    newest = delivery.failures.order_by("-number", "-id").defer("traceback")
    attempts = list(newest[:_ATTEMPTS])[::-1]
    last = delivery.failures.order_by("-number", "-id").first()
    event = detail_of(delivery.event, user)
    return LetterDetail(
        delivery=delivery,
        attempts=with_waits(delivery, _tries(attempts)),
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


def _tries(attempts: Iterable[Attempt]) -> Iterator[Try]:
    for one in attempts:
        yield Try(one.number, one.started_at, one.finished_at, one)


def _dead_of_key(delivery: Delivery) -> int:
    same = dead().filter(processor=delivery.processor, key=delivery.key)
    return same.order_by().count()
