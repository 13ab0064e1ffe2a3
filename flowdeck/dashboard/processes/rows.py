"""What the pages of processes show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from django.http import QueryDict

from flowdeck import parsing
from flowdeck.dashboard.processes.diagram import Diagram, draw
from flowdeck.models import Event, ProcessStep
from flowdeck.observe import processes
from flowdeck.observe.processes import PAGE, Row, Wanted
from flowdeck.process_managers.declared import flows, newest

_LONGEST = 200
_PAGES = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose, as part of the address."""

    process: str
    wanted: Wanted
    page: int = 0
    selected: str = ""

    @classmethod
    def parse(cls, process: str, query: QueryDict) -> Choice:
        """From untrusted parameters; what makes no sense is left out."""
        step = query.get("step", "")
        wanted = Wanted(
            step if step in newest(process).steps else "",
            _line(query.get("key", "")),
            query.get("sort") == "newest",
        )
        page = min(parsing.number(query.get("page", "")) or 0, _PAGES)
        return cls(process, wanted, page, _line(query.get("selected", "")))

    def query(self, **changed: object) -> str:
        """As parameters, with some changed."""
        named = {
            "step": self.wanted.step,
            "key": self.wanted.key,
            "sort": "newest" if self.wanted.newest else "",
            "page": self.page or "",
            "selected": self.selected,
        }
        return urlencode({name: value for name, value in (named | changed).items() if value})


def _line(text: str) -> str:
    return text if len(text) <= _LONGEST and text.isprintable() else ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An instance in the table, and the address that selects it."""

    row: Row
    query: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A step of an instance's way, and what it said then."""

    step: ProcessStep
    said: list[Event]


@dataclass(frozen=True)
class One:
    """An instance, as its drawer shows it."""

    row: Row

    @property
    def state(self) -> str:
        """Its state as JSON, a field a line."""
        return json.dumps(self.row.row.state, indent=1, ensure_ascii=False)

    @cached_property
    def steps(self) -> list[ProcessStep]:
        """The way it has gone."""
        return processes.path(self.row.row.process, self.row.row.key)

    @property
    def stops(self) -> list[Stop]:
        """The same with what it said."""
        said = processes.said(self.row.row.process, self.steps)
        return [Stop(one, said.get(one.position or 0, [])) for one in self.steps]

    @property
    def undo(self) -> list[str]:
        """What takes back what was done, the last first."""
        return [one["type"] for one in reversed(self.row.row.undo)]

    @property
    def diagram(self) -> Diagram:
        """Where it stands and which way it came."""
        row = self.row.row
        flow = flows[row.process].get(row.version) or newest(row.process)
        gone = {
            (one.from_step, one.to_step)
            for one in self.steps
            if one.position and not one.note and one.from_step != one.to_step
        }
        return draw(flow, {}, [], here=row.step, passed=gone)


@dataclass(frozen=True)
class Processes:
    """The page of one process, and its live view."""

    choice: Choice

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many instances of each process are under way."""
        return processes.counts()

    @cached_property
    def diagram(self) -> Diagram:
        """Its flow, with who stands where."""
        name = self.choice.process
        return draw(newest(name), processes.standing(name), processes.ways(name))

    @property
    def forgets(self) -> bool:
        """Whether to stop an instance is to forget it: it is a pattern."""
        return newest(self.choice.process).idle_after is not None

    @property
    def passed_over(self) -> list[tuple[str, int]]:
        """Why events changed nothing lately, and how many."""
        return processes.passed_over(self.choice.process)

    @cached_property
    def _page(self) -> tuple[list[Row], bool]:
        return processes.instances(self.choice.process, self.choice.wanted, self.choice.page * PAGE)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps to choose from."""
        return newest(self.choice.process).steps

    @property
    def rows(self) -> list[Listed]:
        """The instances."""
        return [Listed(row, self.choice.query(selected=row.row.key)) for row in self._page[0]]

    @property
    def closed_query(self) -> str:
        """The address without the instance that is selected."""
        return self.choice.query(selected="")

    @property
    def stop_query(self) -> str:
        """The address that asks whether to stop it."""
        return f"{self.choice.query()}&stop=1"

    @property
    def next_query(self) -> str:
        """The address of the next page, if there is one."""
        more = self._page[1] and self.choice.page < _PAGES
        return self.choice.query(page=self.choice.page + 1) if more else ""

    @cached_property
    def one(self) -> One | None:
        """The instance that is selected."""
        found = processes.instance(self.choice.process, self.choice.selected)
        return One(found) if found else None

    @property
    def live_view(self) -> str:
        """The name under which it is watched."""
        query = self.choice.query(selected="")
        return f"processes:{self.choice.process}?{query}"
