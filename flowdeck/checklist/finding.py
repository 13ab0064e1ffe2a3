"""What a question of the design review is, and what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["pass", "untried", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    ``untried``: nothing is wrong, but not all of it has happened here yet. ``evidence`` says what
    was measured, ``advice`` what to do (empty if nothing), ``unchecked`` what could not be looked
    at, ``on_purpose`` what was found of processors that are wrong on purpose and not counted.
    ``traces`` are correlation ids worth a look.
    """

    verdict: Verdict
    evidence: str
    advice: str = ""
    unchecked: str = ""
    on_purpose: str = ""
    traces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``examine(redeliver)`` answers it."""

    number: int
    text: str
    examine: Callable[[bool], Finding]


@dataclass(frozen=True, slots=True)
class Answer:
    """A question with its finding and how long the experiment took."""

    question: Question
    finding: Finding
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "number": self.question.number,
            "question": self.question.text,
            "seconds": round(self.seconds, 3),
            **asdict(self.finding),
        }


def worst(*verdicts: Verdict) -> Verdict:
    """The worst of several verdicts."""
    order: tuple[Verdict, ...] = ("pass", "untried", "warn", "fail")
    return max(verdicts, key=order.index, default="pass")


def listed(names: list[str], most: int = 5) -> str:
    """Some names as text: the first few and how many more."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
