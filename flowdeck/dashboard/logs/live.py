"""The event log, live: new rows, the dots of rows on the page, and how many events fit.

It reads the page again and sends what differs, so a row that became visible late, or a bell that
never came, can't leave it wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict

from flowdeck.dashboard.logs.filter import LogFilter
from flowdeck.dashboard.logs.rows import LogRow, rows_of
from flowdeck.dashboard.logs.search import SIZE, count, search
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Changes, Fragment, LiveView, Refusal
from flowdeck.people.access import can

Look = tuple[tuple[str, str], ...]


class LogView(LiveView):
    """``log``, or ``log:<filter>`` as the page's URL has it. Pages further down get dots only."""

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self.filter = LogFilter.parse(QueryDict(argument))
        self._shown: dict[int, Look] = {}

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The filter as its page writes it."""
        wanted = LogFilter.parse(QueryDict(argument))
        return argument if wanted.problems else wanted.query

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the log."""
        decision = can(user, "view_log")
        if not decision:
            return Refusal(decision.reason)
        problems = LogFilter.parse(QueryDict(argument)).problems
        return Refusal(f"The filter {problems[0][0]} {problems[0][1]}.") if problems else None

    def regions(self) -> Sequence[Fragment]:
        """All rows of the page."""
        return [self._whole(self._read())]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """New rows and changed dots."""
        if not self._concerned(changes):
            return []
        rows = self._read()
        before, now = self._shown, {row.event.position: row.look for row in rows}
        new = [row for row in rows if row.event.position not in before]
        if not before or len(new) >= SIZE or self._left(before, now):
            return [self._whole(rows)]
        self._shown = now
        changed = [
            row
            for row in rows
            if row.event.position in before and before[row.event.position] != row.look
        ]
        if self.filter.at_the_top:  # the list itself puts each row where it belongs
            return self._added([*new, *changed])
        return [self._changed(row) for row in changed]

    def _concerned(self, changes: Changes) -> bool:
        newer = changes.appended or changes.last > max(self._shown, default=0)
        if changes.unknown or (self.filter.at_the_top and newer):
            return True
        return changes.positions.touches(self._shown)

    def _left(self, before: dict[int, Look], now: dict[int, Look]) -> bool:
        """Whether a row does not fit any more (its delivery is in another state)."""
        oldest = min(now, default=0) if len(now) >= SIZE else 0
        return any(position >= oldest and position not in now for position in before)

    def _read(self) -> list[LogRow]:
        return rows_of(search(self.filter).rows)

    def _whole(self, rows: list[LogRow]) -> Fragment:
        self._shown = {row.event.position: row.look for row in rows}
        html = render_to_string("flowdeck/log/_live_all.html", {"rows": rows})
        return Fragment("log-rows", html, keep=False)

    def _added(self, rows: list[LogRow]) -> list[Fragment]:
        if not rows:
            return []
        html = render_to_string("flowdeck/log/_live_new.html", {"rows": rows})
        return [Fragment("log-rows", html, keep=False)]

    def _changed(self, row: LogRow) -> Fragment:
        html = render_to_string("flowdeck/log/_live_changed.html", {"row": row})
        return Fragment(f"event-{row.event.position}", html, keep=False)


class LogCountView(LiveView):
    """``log-count:<filter>``, for whoever may watch the rows. Beyond what is counted it rests."""

    interval = 1.0

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._filter = LogFilter.parse(QueryDict(argument))
        self._last = 0
        self._over = False

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """As for the rows."""
        return LogView.canonical(argument)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """As for the rows."""
        return LogView.allowed(user, argument)

    def regions(self) -> Sequence[Fragment]:
        """The figure, or nothing if it can't be known."""
        number = count(self._filter)
        if number is None:
            return []
        self._over = number.more  # events never get fewer
        context = {"number": number, "count_view": f"log-count:{self.argument}", "oob": True}
        return [Fragment("log-count", render_to_string("flowdeck/log/_count.html", context))]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """The figure, if events came."""
        newer = changes.appended or changes.last > self._last
        if self._over or not (changes.unknown or newer):
            return []
        self._last = max(self._last, changes.last)
        return self.regions()
