"""What the outside has answered handlers: kept with the outcome of the attempt, given again later.

Answers commit with the outcome, many in one statement, so a worker that dies in between has kept
neither. They are sealed for the persons that their event is about, and for the one they name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.outside import Answered, Answers, Kept
from flowdeck.declare.registry import Processor
from flowdeck.engine.outcome import Outcome
from flowdeck.models import Answer
from flowdeck.privacy.sealing import opened_texts, sealed_texts, subjects_of
from flowdeck.sql import DueDelivery

_AT_ONCE = 5_000  # old ones removed in one statement
_OLD = """
DELETE FROM flowdeck_answer WHERE id IN (
  SELECT a.id FROM flowdeck_answer a
  WHERE a.at < %s AND NOT EXISTS (
    SELECT 1 FROM flowdeck_due d WHERE d.position = a.position AND d.processor = a.processor)
  ORDER BY a.at LIMIT %s)
"""


def loaded(processor: Processor, due: list[DueDelivery]) -> list[DueDelivery]:
    """The same, each with the answers that were kept of it, where a handler may ask for any.

    One query, and one more for those that are sealed.
    """
    if processor.atomic or processor.batch or not due:
        return due
    by_position = {one.position: Answers() for one in due}
    rows = list(Answer.objects.filter(processor=processor.name, event_id__in=list(by_position)))
    texts = opened_texts([(place_of(processor.name, one.name), one.text) for one in rows])
    for row, text in zip(rows, texts, strict=True):
        by_position[row.event_id].kept[row.name] = _kept(row, text)
    for one in due:
        one.answers = by_position[one.position]
    return due


def keep(processor: Processor, outcomes: Sequence[Outcome]) -> None:
    """Write what these attempts were answered; one statement, if there is anything.

    Needs the transaction that keeps the outcomes.
    """
    new = [(o, one) for o in outcomes if o.due.answers is not None for one in o.due.answers.new]
    if not new:
        return
    texts = sealed_texts(
        [(place_of(processor.name, one.name), _about(o.due, one), one.text) for o, one in new]
    )
    Answer.objects.bulk_create(
        Answer(
            event_id=outcome.due.position,
            processor=processor.name,
            name=one.name,
            attempt=outcome.due.attempts + 1,
            text=text,
            size=one.size,
            seconds=one.seconds,
            at=outcome.mark.finished_at,
        )
        for (outcome, one), text in zip(new, texts, strict=True)
    )


def forget_old() -> None:
    """Remove some that were kept for long enough, but of deliveries that are still to be done."""
    before = clock.now() - timedelta(days=conf().ANSWERS_KEPT_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_OLD, [before, _AT_ONCE])


def place_of(processor: str, name: str) -> str:
    """What a sealed answer is bound to."""
    return f"answer:{processor}:{name}"


def _about(due: DueDelivery, one: Answered) -> set[str]:
    if not one.text:
        return set()
    return subjects_of(due.event) | ({one.subject} if one.subject else set())


def _kept(row: Answer, text: str | None) -> Kept:
    if text is None:
        return Kept(readable=False, why="was about somebody who was forgotten since")
    if not text:
        return Kept(readable=False, why=f"had {row.size:,} bytes, too many to be kept")
    return Kept(json.loads(text))
