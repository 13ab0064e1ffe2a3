"""What the outside has answered the handlers of an event, as everybody may see it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowdeck.dashboard.event.tokens import Token, tokens
from flowdeck.declare.registry import registry
from flowdeck.engine.answers import place_of
from flowdeck.models import Answer, Event
from flowdeck.privacy.masking import ERASED, MASK
from flowdeck.privacy.sealing import opened_texts, seal_of
from flowdeck.stored_json import read_object

_MOST, _LONGEST = 50, 4_000


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One answer; what is about a person is a mask, or erased."""

    row: Answer
    tokens: list[Token]
    cut: bool


def answers_of(event: Event, processors: Iterable[str]) -> Sequence[AnswerLine]:
    """The first of them by processor; one query, and one more if any is about a person.

    None if no handler of these ``processors`` may ask for any.
    """
    declared = [registry.processors.get(name) for name in processors]
    if all(one is not None and (one.atomic or one.batch) for one in declared):
        return []
    rows = list(Answer.objects.filter(event_id=event.position)[:_MOST])
    sealed = [row for row in rows if seal_of(row.text) is not None]
    opened = opened_texts([(place_of(row.processor, row.name), row.text) for row in sealed])
    hidden = {
        row.pk: ERASED if text is None else MASK for row, text in zip(sealed, opened, strict=True)
    }
    return [_line(row, hidden.get(row.pk)) for row in rows]


def _line(row: Answer, hidden: str | None) -> AnswerLine:
    if hidden is not None:
        return AnswerLine(row, [Token(hidden)], cut=False)
    text = _indented(row.text)
    return AnswerLine(row, list(tokens(text[:_LONGEST])), cut=len(text) > _LONGEST)


def _indented(text: str) -> str:
    """JSON by lines; of what can't be read, why."""
    if not text:
        return ""
    found = read_object(f'{{"answer": {text}}}')
    return json.dumps(found.get("answer", found), indent=2, ensure_ascii=False)
