"""Bulk actions: retry or discard dead letters by the thousand, in chunks that survive anything.

What is asked for is a row; every worker's sweep works on rows that are not finished, a chunk per
transaction, under the row's lock. A chunk and the progress commit together, so whoever is killed
loses and doubles nothing, and another worker goes on. A graduated retry tries a few letters first
and goes on only when all of them succeeded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.errors import OtherLetters
from flowdeck.letters import dead_letters
from flowdeck.letters.dead_letters import Criteria
from flowdeck.letters.question import Question
from flowdeck.models import Attempt, AuditedDelivery, BulkAction, Delivery, Due
from flowdeck.people import audit

GRADUATED = (1, 10, 100)
"""Sizes of the first chunks of a graduated retry."""

UNDO_SECONDS = 8.0
"""How long a discard asked for on the page waits before it begins."""

_CHUNK = 1_000
_BLINK = timedelta(milliseconds=100)


def ask(
    action: str,
    criteria: Criteria,
    *,
    by: str,
    reason: str = "",
    graduated: bool = False,
    per_second: int | None = None,
    delay: float = 0.0,
    seen: str | None = None,
) -> BulkAction:
    """Retry or discard all letters that fit now; return the row that shows the progress.

    It begins after ``delay`` seconds. Letters that die later are left alone, also those of the
    action itself that come back. Leaves one entry in the audit. Raises OtherLetters if they are
    not those of the question that was ``seen`` (its digest).
    """
    with transaction.atomic():
        letters = criteria.letters()
        # Before the letters: whatever dies after this was not seen.
        last_attempt = Attempt.objects.aggregate(last=Max("id"))["last"]
        question = Question.about(letters, "letter")
        if seen is not None and seen != question.digest:
            raise OtherLetters(question.count)
        if action == "retry":
            dead_letters.note_retry(letters, by)
        row = BulkAction.objects.create(
            action=action,
            criteria=criteria.as_dict(),
            newest=question.newest,
            last_attempt=last_attempt,
            total=question.count,
            graduated=graduated and action == "retry",
            steps=list(GRADUATED) if graduated and action == "retry" else [],
            per_second=per_second,
            by=by,
            reason=reason[:300],
            begins_at=clock.now() + timedelta(seconds=delay),
        )
        row.entry = audit.record(
            action,
            by=by,
            target=f"{criteria} (bulk action {row.pk})",
            count=question.count,
            reason=reason,
        )
        row.save(update_fields=["entry"])
    return row


def cancel(number: int, *, by: str) -> bool:
    """Stop a bulk action where it is; False if it was not running any more."""
    with transaction.atomic():
        cancelled = BulkAction.objects.filter(pk=number, state=BulkAction.State.RUNNING).update(
            state=BulkAction.State.CANCELLED, finished_at=clock.now(), note=f"by {by}"
        )
        if cancelled:
            row = BulkAction.objects.get(pk=number)
            audit.record(
                f"cancel {row.action}", by=by, target=f"bulk action {number}", count=row.asked
            )
    return bool(cancelled)


def advance_all(seconds: float = 0.7) -> bool:
    """Work on every bulk action that is not finished, for about so many seconds altogether.

    Returns whether there was more to do at once when the time was over.
    """
    end, left = time.monotonic() + seconds, False
    due = BulkAction.objects.filter(state=BulkAction.State.RUNNING, begins_at__lte=_now())
    for number in due.order_by("id").values_list("id", flat=True):
        while (more := _advance(number)) and time.monotonic() < end:
            pass
        left |= more
    return left


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a bulk action is: of ``asked``, so many done, under way, and dead again."""

    asked: int
    done: int
    under_way: int
    came_back: int
    per_second: float


def progress(row: BulkAction) -> Progress:
    """Count what became of the letters asked for; two or three queries by index for a retry."""
    begun = max((_now() if row.finished_at is None else row.finished_at) - row.begins_at, _BLINK)
    rate = row.asked / begun.total_seconds()
    if row.action != "retry" or not row.asked:
        return Progress(row.asked, row.asked, 0, 0, rate)
    again, unfinished = came_back(row), _under_way(row)
    return Progress(row.asked, max(0, row.asked - again - unfinished), unfinished, again, rate)


def came_back(row: BulkAction) -> int:
    """How many letters of a retry are dead again."""
    if row.action != "retry":
        return 0
    criteria = Criteria.parse(row.criteria)
    again = {"letter__lte": row.cursor, "retried__gt": 0, "finished_at__gte": row.begins_at}
    fitting = criteria.letters().order_by().filter(**again).count()
    if not criteria.fingerprint:
        return fitting
    # Of this failure's group, but dead of another failure now.
    others = replace(criteria, fingerprint="").letters().order_by().filter(**again)
    asked = AuditedDelivery.objects.filter(
        position=OuterRef("event_id"), processor=OuterRef("processor"), entry=row.entry_id
    )
    return fitting + others.exclude(fingerprint=criteria.fingerprint).filter(Exists(asked)).count()


def _under_way(row: BulkAction) -> int:
    unfinished = Q(state__among=UNFINISHED, retried__gt=0)
    chosen = Criteria.parse(row.criteria).among(Due.objects.filter(unfinished))
    return chosen.filter(letter__lte=row.cursor).count()


def _advance(number: int) -> bool:
    """Deal with one chunk; whether there may be more to do at once."""
    with transaction.atomic():
        row = (
            BulkAction.objects.select_for_update(skip_locked=True)
            .filter(pk=number, state=BulkAction.State.RUNNING)
            .first()
        )
        if row is None:  # ended, or another worker is at it
            return False
        if row.waiting and not _step_is_over(row):
            return False
        if row.state == BulkAction.State.RUNNING:
            _next_chunk(row)
        row.save()
        return row.state == BulkAction.State.RUNNING and not row.waiting and not row.per_second


def _step_is_over(row: BulkAction) -> bool:
    states = set(Delivery.objects.filter(letter__in=row.waiting).values_list("state", flat=True))
    if DeliveryState.DEAD in states:
        _end(row, BulkAction.State.STOPPED, "A letter came back, so the rest was left alone.")
        return True
    if states & set(UNFINISHED):
        return False
    row.waiting = []
    return True


def _next_chunk(row: BulkAction) -> None:
    size = row.steps.pop(0) if row.steps else _CHUNK
    chosen = [one for one in _left(row)[: min(size, _allowed(row))] if one is not None]
    if not chosen:
        if not row.per_second or not _left(row).exists():
            _end(row, BulkAction.State.FINISHED)
        return
    changed = dead_letters.resolve(
        chosen, row.action, by=row.by, reason=row.reason, entry=row.entry_id
    )
    row.asked += changed
    if row.per_second:
        row.paced.append([_now().timestamp(), changed])
    row.cursor = chosen[-1]
    if size != _CHUNK:
        row.waiting = chosen
    elif len(chosen) < _CHUNK and not row.per_second:
        _end(row, BulkAction.State.FINISHED)


def _left(row: BulkAction) -> QuerySet[Due, int | None]:
    letters = Criteria.parse(row.criteria).letters()
    letters = letters.filter(letter__gt=row.cursor, letter__lte=row.newest)
    if row.last_attempt is not None:
        of_letter = {name: OuterRef(name) for name in ("event_id", "processor")}
        later = Attempt.objects.filter(**of_letter, id__gt=row.last_attempt)
        letters = letters.exclude(Exists(later))
    return letters.values_list("letter", flat=True)


def _allowed(row: BulkAction) -> int:
    """How many more letters the rate leaves for this moment, so that it holds in any second."""
    if not row.per_second:
        return _CHUNK
    # What was missed is not made up for: whoever names a rate has something that breaks above it.
    since = _now().timestamp() - 1.0
    row.paced = [[at, count] for at, count in row.paced if at > since]
    return max(0, row.per_second - int(sum(count for _, count in row.paced)))


def _end(row: BulkAction, state: BulkAction.State, note: str = "") -> None:
    row.state, row.note, row.waiting, row.finished_at = state, note, [], _now()


def _now() -> datetime:
    return clock.now()
