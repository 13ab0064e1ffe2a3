"""What the outside world has answered a handler: asked once, and kept with the delivery."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from flowdeck.conf import conf
from flowdeck.errors import HandlerContractError, OutsideRefused, Reject

_LONGEST_NAME, _LONGEST_SUBJECT = 100, 200


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer of an earlier attempt. ``readable`` is False if it can't be given again."""

    value: Any = None
    readable: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A new one: its JSON (empty if it was too large), how long it took, and who it is about."""

    name: str
    text: str
    size: int
    seconds: float
    subject: str


@dataclass(slots=True)
class Answers:
    """Those of one delivery: kept by earlier attempts, and new in this one.

    ``closed``: nobody is asked; only what was kept is given. ``given`` are the names of that.
    """

    kept: dict[str, Kept] = field(default_factory=dict)
    new: list[Answered] = field(default_factory=list)
    closed: bool = False
    given: list[str] = field(default_factory=list)


class AsksOutside:
    """What a delivery offers to a handler that is called by itself, outside of transactions."""

    __slots__ = ()
    processor: str
    answers: Answers | None

    def outside(self, name: str, call: Callable[[], Any], *, subject: object = "") -> Any:
        """What ``call()`` answers, as JSON values; it is asked once for this delivery.

        The answer is kept with the attempt, whether that succeeds or fails, and a later attempt
        gets it without asking again. So let ``call`` raise for whatever is to be asked again. Only
        a worker that dies before it has kept the answer asks twice: hand ``idempotency_key`` over.
        ``name`` is one for each call of the handler. What is kept is sealed with the keys of the
        persons that the event is about, and of the one that ``subject`` names. Raises
        HandlerContractError for what is no JSON, or where there is nothing to keep it with; Reject
        if an earlier answer can't be given again.
        """
        answers = self._answers_for(name, str(subject))
        if name in answers.kept:
            answers.given.append(name)
            return _again(name, answers.kept[name])
        began = time.monotonic()
        return _noted(answers, name, call(), began, subject)

    async def aoutside(
        self, name: str, call: Callable[[], Awaitable[Any]], *, subject: object = ""
    ) -> Any:
        """The same in an ``async def``: ``await delivery.aoutside("charge", lambda: ...)``."""
        answers = self._answers_for(name, str(subject))
        if name in answers.kept:
            answers.given.append(name)
            return _again(name, answers.kept[name])
        began = time.monotonic()
        return _noted(answers, name, await call(), began, subject)

    def _answers_for(self, name: str, subject: str) -> Answers:
        if self.answers is None:
            raise HandlerContractError(
                f"{self.processor!r} asks outside for {name!r} where no answer can be kept: an "
                "atomic handler is rolled back with what it was told, and a batch has no delivery "
                "of its own. Declare it with atomic=False and without batch=True."
            )
        if not 1 <= len(name) <= _LONGEST_NAME or len(subject) > _LONGEST_SUBJECT:
            raise HandlerContractError(
                f"outside({name!r}, subject={subject!r}): a name has 1 to {_LONGEST_NAME} letters, "
                f"a subject at most {_LONGEST_SUBJECT}."
            )
        if any(one.name == name for one in self.answers.new):
            raise HandlerContractError(
                f"{self.processor!r} asks outside for {name!r} twice in one attempt. Give each "
                "call a name of its own."
            )
        if self.answers.closed and name not in self.answers.kept:
            raise OutsideRefused(f"it asks outside for {name!r}, which was never answered")
        return self.answers


def _again(name: str, kept: Kept) -> Any:
    if not kept.readable:
        raise Reject(
            f"What {name!r} answered in an earlier attempt {kept.why}; it is not asked again."
        )
    return kept.value


def _noted(answers: Answers, name: str, value: Any, began: float, subject: object) -> Any:
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise HandlerContractError(
            f"What {name!r} answered can't be kept as JSON ({error}): let the call return what is "
            "needed of it as texts, numbers, lists and dicts."
        ) from error
    size = len(text)
    kept = text if size <= conf().ANSWER_BYTES else ""
    seconds = time.monotonic() - began
    answers.new.append(Answered(name, kept, size, seconds, str(subject)))
    return json.loads(text)
