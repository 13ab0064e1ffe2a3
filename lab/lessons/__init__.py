"""The lessons in their order; each module is one."""

from lab.lesson import Lesson
from lab.lessons import (
    calls,
    consistency,
    coupling,
    duplicates,
    durability,
    evolution,
    ordering,
    patterns,
    reading,
    retries,
    ripple,
    sourcing,
    topologies,
    tracing,
)

LESSONS: tuple[Lesson, ...] = (
    ripple.LESSON,
    coupling.LESSON,
    topologies.LESSON,
    consistency.LESSON,
    ordering.LESSON,
    duplicates.LESSON,
    retries.LESSON,
    durability.LESSON,
    tracing.LESSON,
    sourcing.LESSON,
    evolution.LESSON,
    reading.LESSON,
    patterns.LESSON,
    calls.LESSON,
)
BY_SLUG = {lesson.slug: lesson for lesson in LESSONS}


def neighbours(lesson: Lesson) -> tuple[Lesson | None, Lesson | None]:
    """The lessons before and after."""
    place = LESSONS.index(lesson)
    before = LESSONS[place - 1] if place else None
    return before, LESSONS[place + 1] if place + 1 < len(LESSONS) else None
