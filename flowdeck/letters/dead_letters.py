"""Dead letters: deliveries whose attempts are used up, waiting for a person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import F, Max, QuerySet

from flowdeck import clock, telemetry
from flowdeck.bells import bell
from flowdeck.database import transaction
from flowdeck.declare.states import UNFINISHED, WAITING, DeliveryState
from flowdeck.history import tally
from flowdeck.history.tally import Change
from flowdeck.letters import floors
from flowdeck.models import Attempt, DeadLetterGroup, Delivery, Due
from flowdeck.people import audit
from flowdeck.words import noun

_MOST_GROUPS = 100


def dead() -> QuerySet[Due]:
    """All dead letters, oldest first."""
    return Due.objects.filter(state__among=[DeliveryState.DEAD]).order_by("letter")


NAMES = ("fingerprint", "processor", "type", "stream", "key")
"""What letters can be chosen by, each a name that must be met whole."""


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which dead letters: those that fit all that is given. ``ids`` are numbers of letters."""

    fingerprint: str = ""
    processor: str = ""
    type: str = ""
    stream: str = ""
    key: str = ""
    came_back: bool = False
    ids: tuple[int, ...] = ()

    @classmethod
    def parse(cls, query: Mapping[str, Any]) -> Criteria:
        """From untrusted parameters. What can't name anything chooses nothing, never more."""
        found = {name: _named(query.get(name)) for name in NAMES}
        return cls(
            **found,
            came_back=bool(query.get("came_back")),
            ids=tuple(int(one) for one in query.get("ids") or ()),
        )

    def __bool__(self) -> bool:
        """Whether anything is asked for; nothing means all letters."""
        return self != Criteria()

    def as_dict(self) -> dict[str, Any]:
        """What is given, as :meth:`parse` takes it."""
        return {name: value for name, value in asdict(self).items() if value}

    def __str__(self) -> str:
        """For people: ``processor customs, stream parcel-42``."""
        given: dict[str, Any] = {**self.as_dict(), "ids": ", ".join(map(str, self.ids[:20]))}
        back = "came back" if given.pop("came_back", False) else ""
        words = [f"{name} {value}" for name, value in given.items() if value] + [back] * bool(back)
        return ", ".join(words) or "all dead letters"

    def letters(self) -> QuerySet[Due]:
        """The dead letters, oldest first."""
        return self.among(dead())

    def among(self, chosen: QuerySet[Due]) -> QuerySet[Due]:
        """Those of the deliveries that fit."""
        if self.ids:
            chosen = chosen.filter(letter__in=self.ids)
        if self.fingerprint:
            chosen = chosen.filter(fingerprint=self.fingerprint)
        if self.processor:
            chosen = chosen.filter(processor=self.processor)
        if self.key:
            chosen = chosen.filter(key=self.key)
        if self.came_back:
            chosen = chosen.filter(retried__gt=0)
        if self.type:
            chosen = chosen.filter(event__type=self.type)
        return chosen.filter(event__stream=self.stream) if self.stream else chosen


def retry(ids: Iterable[int], *, by: str, reason: str = "") -> int:
    """Make the letters of these numbers due again, in order of their keys; how many were dead.

    The attempts so far are kept, so each gets one more. What waited behind them goes on after.
    """
    return _by_hand(list(ids), "retry", by, reason)


def discard(ids: Iterable[int], *, by: str, reason: str) -> int:
    """Give dead letters up for good; return how many still were dead. What waited goes on."""
    return _by_hand(list(ids), "discard", by, reason)


def resolve(
    ids: Iterable[int], action: str, *, by: str, reason: str, entry: int | None = None
) -> int:
    """``retry`` or ``discard`` as a part of a bulk action, of which the audit has the ``entry``."""
    with transaction.atomic():
        changed = _resolve(ids, action, by, reason)
        audit.touched(entry, changed)
    return len(changed)


def _resolve(ids: Iterable[int], action: str, by: str, reason: str) -> list[tuple[int, str]]:
    """Do it; return which deliveries still were dead, by position and processor."""
    retrying = action == "retry"
    with transaction.atomic():
        chosen = Due.objects.filter(letter__in=list(ids), state=DeliveryState.DEAD)
        floors.lower(chosen.values_list("processor", "slot"))
        # Whoever came first has it: only what is still dead under the lock is touched.
        rows = list(chosen.values_list("letter", "event_id", "processor"))
        Due.objects.filter(letter__in=[row[0] for row in rows]).update(
            state=DeliveryState.PENDING if retrying else DeliveryState.DISCARDED,
            due_at=None,
            retried=F("retried") + int(retrying),
        )
        changed = [(position, processor) for _, position, processor in rows]
        if rows:
            settled = int(not retrying)
            tally.tell(Change(position, dead=-1, settled=settled) for position, _ in changed)
            transaction.on_commit(lambda: _resolved(action, changed, by, reason))
    return changed


def _by_hand(ids: list[int], action: str, by: str, reason: str) -> int:
    with transaction.atomic():
        if action == "retry":
            note_retry(dead().filter(letter__in=ids), by)
        changed = _resolve(ids, action, by, reason)
        letters = ", ".join(map(str, ids[:20])) + (", …" if len(ids) > 20 else "")
        target = f"{noun(len(ids), 'dead letter')} {letters}"
        entry = audit.record(action, by=by, target=target, count=len(changed), reason=reason)
        audit.touched(entry.pk, changed)
    return len(changed)


def note_retry(letters: QuerySet[Due], by: str) -> None:
    """Write into the groups of these letters that somebody retried them, and what they were."""
    newest = letters.order_by().values("fingerprint").annotate(newest=Max("letter"))
    chosen = dict(newest.values_list("newest", "fingerprint")[:_MOST_GROUPS])
    titles = {
        chosen[letter]: f"{attempt.error} in {attempt.processor}"
        for letter, attempt in last_attempts(chosen).items()
    }
    now = clock.now()
    rows = [
        DeadLetterGroup(fingerprint=one, title=titles.get(one, ""), retried_at=now, retried_by=by)
        for one in chosen.values()
    ]
    DeadLetterGroup.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["fingerprint"],
        update_fields=["title", "retried_at", "retried_by"],
    )


def last_attempts(letters: Iterable[int]) -> dict[int, Attempt]:
    """The last failed attempt of each of the letters of these numbers, without its traceback."""
    failures = Attempt.objects.filter(delivery__letter__in=list(letters))
    found = failures.annotate(letter=F("delivery__letter")).order_by("number", "id")
    return {attempt.letter: attempt for attempt in found.defer("traceback")}


def make_due(deliveries: QuerySet[Delivery]) -> int:
    """End the waiting of retrying and sleeping deliveries now; return how many there were."""
    count, chosen = 0, defaultdict[str, list[int]](list)
    with transaction.atomic():
        waiting = deliveries.filter(state__among=UNFINISHED, state__in=WAITING)
        for processor, position in waiting.values_list("processor", "event_id"):
            chosen[processor].append(position)
        for processor, positions in sorted(chosen.items()):
            rows = Due.objects.filter(processor=processor, event_id__in=positions)
            floors.lower(rows.values_list("processor", "slot"))
            still = rows.filter(state__in=WAITING)
            count += still.update(state=DeliveryState.PENDING, due_at=None)
    return count


def _resolved(action: str, changed: list[tuple[int, str]], by: str, reason: str) -> None:
    bell.ring(processor for _, processor in changed)
    telemetry.emit(telemetry.Resolved(action, by, reason, tuple(changed)))


def _named(value: Any) -> str:
    text = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:200])
