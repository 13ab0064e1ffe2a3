"""What the lab's pages show of lessons and runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.safestring import SafeString

from flowdeck.extend import can
from lab import runs
from lab.glossary import linked
from lab.lesson import Evidence, Lesson
from lab.lessons import LESSONS
from lab.models import LabProgress, LabRun, SwitchedFault
from lab.switched_faults import KINDS, felt_by, switched_on


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson of the list and how the learner stands with it."""

    lesson: Lesson
    number: int
    done: bool
    tried: bool
    current: bool


@dataclass(frozen=True, slots=True)
class SetFault:
    """A fault that is on, in words."""

    number: int
    words: str
    until: Any


@dataclass(frozen=True, slots=True)
class Experiment:
    """A lesson's newest run and what the log says of it; None before the first."""

    run: LabRun | None
    evidence: Evidence | None

    @property
    def running(self) -> bool:
        """Whether something of it will still change by itself."""
        return self.evidence is not None and not self.evidence.settled

    @property
    def over(self) -> bool:
        """Whether nothing of it will change at all."""
        return self.evidence is not None and self.evidence.settled and not self.evidence.mendable


def entries(user: Any, current: Lesson | None = None) -> list[Entry]:
    """All lessons, for the list at the left."""
    done, tried = runs.progress(user)
    return [
        Entry(one, number, one.slug in done, one.slug in tried, one is current)
        for number, one in enumerate(LESSONS, 1)
    ]


def experiment(user: Any, lesson: Lesson) -> Experiment:
    """The newest run of a lesson with its evidence, read from the log now."""
    run = runs.newest(user, lesson)
    return Experiment(run, lesson.evidence(run) if run and run.facts else None)


def answered(user: Any, lesson: Lesson) -> LabProgress | None:
    """The learner's answer to a lesson's question."""
    return LabProgress.objects.filter(user_id=user.pk, lesson=lesson.slug).first()


def paragraphs(lesson: Lesson) -> list[SafeString]:
    """A lesson's text with its terms linked."""
    return linked(lesson.text)


def felt_faults(user: Any) -> list[SetFault]:
    """What the learner feels: their own faults, and what others have set for everybody."""
    return [
        SetFault(fault.pk, _words(fault, user), fault.ends_at)
        for fault in felt_by(user)
        if fault.kind in KINDS
    ]


def side(user: Any, lesson: Lesson | None = None) -> dict[str, Any]:
    """What stands at the side of every page of the lab; ``lesson`` is the one that is open."""
    return {
        "entries": entries(user, lesson),
        "set_faults": set_faults(user),
        "may_see_class": can(user, "lab.view_class"),
    }


def set_faults(user: Any) -> list[SetFault]:
    """The learner's faults that are on now."""
    return [
        SetFault(fault.pk, KINDS[fault.kind].says(fault), fault.ends_at)
        for fault in switched_on(user)
        if fault.kind in KINDS
    ]


def _words(fault: SwitchedFault, user: Any) -> str:
    by = "" if fault.user_id == user.pk else f", set by {fault.user.get_username()}"
    return KINDS[fault.kind].says(fault) + by
