"""What a lesson is made of, as data; and the evidence that an experiment leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.urls import NoReverseMatch, reverse

from events.shop.story import Story
from lab.models import LabRun
from lab.wiring import Diagram


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant of the experiment."""

    slug: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """What the learner can say afterwards. ``answer`` counts from 0; ``because`` explains it.

    ``phrase`` are the words of the lesson's text that give the answer.
    """

    text: str
    options: tuple[str, ...]
    answer: int
    because: str
    phrase: str

    @property
    def right(self) -> str:
        """The right answer in words."""
        return self.options[self.answer]


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the evidence; a ``state`` gives it the dot of that state."""

    text: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the evidence: what was measured, the values, and in the last column why."""

    what: str
    values: tuple[Cell, ...]
    last: Cell


@dataclass(frozen=True, slots=True)
class Picture:
    """A trace drawn: what it is, how it stands, and the drawing once there is something."""

    title: str
    sub: str
    state: Cell
    story: Story | None
    diagram: Diagram | None = None


@dataclass
class Evidence:
    """What the log says of a run. ``settled`` once nothing of it will change by itself.

    ``links`` are label and address of pages that show more.
    """

    columns: tuple[str, ...]
    rows: list[Measured] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    settled: bool = False
    conclusion: str = ""
    mendable: bool = False

    def add(self, what: str, *values: Cell | str) -> None:
        """Add a line, a value for each further column; plain text is a cell without a state."""
        *cells, last = (Cell(value) if isinstance(value, str) else value for value in values)
        self.rows.append(Measured(what, tuple(cells), last))

    def link(self, label: str, name: str, *arguments: Any, query: str = "") -> None:
        """Link to the page of this URL name, if this installation has it."""
        try:
            self.links.append((label, reverse(name, args=arguments) + query))
        except NoReverseMatch:
            return


@dataclass(frozen=True, slots=True)
class Lesson:
    """One idea. The terms of ``text`` link to the glossary by themselves.

    ``start(user, run)`` sets the experiment off and answers its facts; ``evidence(run)`` reads
    what became of it. ``mend`` is a second step, offered as ``mend_label`` while it makes sense.
    """

    slug: str
    title: str
    sub: str
    icon: str
    text: tuple[str, ...]
    action: str
    start: Callable[[Any, LabRun], dict[str, Any]]
    evidence: Callable[[LabRun], Evidence]
    question: Question
    choices: tuple[Choice, ...] = ()
    mend_label: str = ""
    mend: Callable[[Any, LabRun], None] | None = None

    @property
    def minutes(self) -> int:
        """Reading time at 200 words a minute, rounded up."""
        words = sum(len(paragraph.split()) for paragraph in self.text) + 60
        return -(-words // 200)
