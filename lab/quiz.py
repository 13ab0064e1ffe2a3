"""The self-check: the question of each lesson on one page, checked at once, kept nowhere.

Where an answer is wrong or missing, the page links to the lesson whose text gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.lesson import Lesson, Question
from lab.lessons import LESSONS


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it stands: ``chosen`` is the option taken, None before."""

    number: int
    lesson: Lesson
    chosen: int | None

    @property
    def question(self) -> Question:
        """What is asked."""
        return self.lesson.question

    @property
    def right(self) -> bool:
        """Whether the right option was taken."""
        return self.chosen == self.question.answer


def asked(answers: Mapping[str, str]) -> list[Asked]:
    """All questions with the options that untrusted ``answers`` name, by slug of the lesson."""
    return [
        Asked(number, lesson, _option(answers.get(lesson.slug, ""), lesson.question))
        for number, lesson in enumerate(LESSONS, 1)
    ]


def _option(text: str, question: Question) -> int | None:
    known = {str(place): place for place in range(len(question.options))}
    return known.get(text)
