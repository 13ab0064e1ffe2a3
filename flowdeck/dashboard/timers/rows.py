"""What the page of timers shows: rows, figures and the next hour as bars."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from flowdeck import parsing, words
from flowdeck.dashboard.shared.parameters import moment
from flowdeck.models import Timer
from flowdeck.observe import timers
from flowdeck.observe.timers import MINUTES, Agenda, Page, Place, ScheduleRow, Wanted

_FIELDS = {"type": 100, "stream": 200, "name": 100}
_HEIGHT = 60.0  # of the bars
TABS = {"": "Due next", "schedules": "Schedules", "ended": "Ended"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose, as part of the address."""

    wanted: Wanted
    tab: str = ""
    after: Place | None = None

    @classmethod
    def parse(cls, query: QueryDict | dict[str, str]) -> Choice:
        """From untrusted parameters; what makes no sense is left out."""
        given = {name: query.get(name, "") for name in _FIELDS}
        fits = {
            name: text
            for name, text in given.items()
            if 0 < len(text) <= _FIELDS[name] and text.isprintable()
        }
        tab = query.get("tab", "") if query.get("tab") in TABS else ""
        return cls(Wanted(**fits), tab, _place(query.get("after", ""), query.get("number", "")))

    @property
    def query(self) -> str:
        """The filters and the tab as parameters."""
        named = {name: getattr(self.wanted, name) for name in _FIELDS}
        return urlencode({n: v for n, v in {"tab": self.tab, **named}.items() if v})


def _place(after: str, number: str) -> Place | None:
    found = parsing.number(number)
    try:
        return None if found is None else Place(moment(after), found)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Bar:
    """The timers of one minute: place and size, in percent of the width and pixels."""

    x: float
    y: float
    height: float


@dataclass(frozen=True)
class Timers:
    """The page, and its live view."""

    choice: Choice

    @cached_property
    def agenda(self) -> Agenda:
        """The figures above the table."""
        return timers.agenda()

    @cached_property
    def page(self) -> Page:
        """The rows."""
        if self.choice.tab == "schedules":
            return Page([], None)
        read = timers.ended if self.choice.tab else timers.due_next
        return read(self.choice.wanted, self.choice.after)

    @property
    def rows(self) -> list[Timer]:
        """The timers, as they follow each other."""
        return self.page.rows

    @property
    def schedules(self) -> list[ScheduleRow]:
        """All of them, where they are asked for."""
        return timers.listed_schedules() if self.choice.tab == "schedules" else []

    @property
    def bars(self) -> list[Bar]:
        """The next hour, a bar a minute."""
        highest = max(self.agenda.minutes) or 1
        return [
            Bar(
                round(100 * n / MINUTES, 2),
                round(_HEIGHT * (1 - count / highest), 1),
                round(_HEIGHT * count / highest, 1),
            )
            for n, count in enumerate(self.agenda.minutes)
            if count
        ]

    @property
    def busiest(self) -> int:
        """The most that are due in one minute of the next hour."""
        return max(self.agenda.minutes)

    @property
    def marks(self) -> list[tuple[int, Any]]:
        """Quarters of the hour: place in percent, time."""
        first = self.agenda.now.replace(second=0, microsecond=0)
        return [(25 * n, first + timedelta(minutes=15 * n)) for n in range(5)]

    @property
    def leapt(self) -> str:
        """How far the clock was set, or nobody looked at it, if that was within an hour."""
        clock = self.agenda.clock
        if clock.leapt_at is None or clock.leapt_by is None:
            return ""
        if self.agenda.now - clock.leapt_at > timedelta(hours=1):
            return ""
        where = "forth" if clock.leapt_by > 0 else "back"
        return f"{words.duration(abs(clock.leapt_by))} {where}"

    @property
    def next_query(self) -> str:
        """The address of the next page, if there is one."""
        place = self.page.next
        if place is None:
            return ""
        more = urlencode({"after": place.at.isoformat(), "number": place.number})
        return f"{self.choice.query}&{more}" if self.choice.query else more

    @property
    def live_view(self) -> str:
        """The name under which it is watched; only what is due next changes by itself."""
        if self.choice.after is not None:
            return ""
        return f"timers:{self.choice.query}" if self.choice.query else "timers"
