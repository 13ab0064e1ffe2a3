"""The ten questions, in the order of a design review."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

from flowdeck.checklist import handlers, log, running
from flowdeck.checklist.finding import Answer, Finding, Question

logger = logging.getLogger("flowdeck")

QUESTIONS = (
    Question(1, "Are events immutable facts in the past tense?", log.immutable),
    Question(2, "Does the work survive a lost broker?", log.durable),
    Question(3, "Is every processor idempotent?", handlers.idempotent),
    Question(4, "Can read models be rebuilt from nothing?", handlers.replayable),
    Question(5, "Can old events still be read?", log.versioned),
    Question(6, "Does what can't be handled end as a dead letter?", running.dead_letters),
    Question(7, "Is order defined where it matters?", running.ordered),
    Question(8, "Can every effect be traced to its cause?", log.traceable),
    Question(9, "Is staleness known?", running.staleness),
    Question(10, "Were processors tried with what goes wrong?", handlers.tried),
)


def answer(question: Question, *, redeliver: bool = False) -> Answer:
    """Answer one question. An experiment that breaks down is a failed one.

    ``redeliver`` allows to deliver finished deliveries again to processors that call the outside.
    """
    began = time.monotonic()
    try:
        finding = question.examine(redeliver)
    except Exception as error:
        logger.exception("Question %s of the checklist broke down.", question.number)
        finding = Finding(
            "fail",
            f"The experiment broke down: {type(error).__name__}: {error}",
            "Mend what the log of this process names.",
        )
    return Answer(question, finding, time.monotonic() - began)


def answer_all(*, redeliver: bool = False) -> Iterator[Answer]:
    """Answer all, one after the other."""
    for question in QUESTIONS:
        yield answer(question, redeliver=redeliver)
