"""How many events fit the filter of the log, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string

from flowdeck.dashboard.logs.filter import LogFilter
from flowdeck.dashboard.logs.live import LogView
from flowdeck.dashboard.logs.search import count
from flowdeck.live import Changes, Fragment, LiveView, Refusal


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
