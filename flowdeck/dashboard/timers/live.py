"""Timers, live: figures, the next hour and the rows."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import QueryDict

from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.dashboard.timers.rows import Choice, Timers
from flowdeck.live import Fragment, LiveView
from flowdeck.people.access import can


class TimersView(LiveView):
    """``timers``, or ``timers:<filter>`` as the page's address has it."""

    permission = "view_log"
    interval = 1.0
    beats = True
    per_user = True  # the rows have the buttons of whoever may use them

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The filter as its page writes it."""
        return Choice.parse(QueryDict(argument)).query

    def regions(self) -> Sequence[Fragment]:
        """All of the page that changes."""
        context = {
            "shown": Timers(Choice.parse(QueryDict(self.argument))),
            "may": can(self.user, "operate_timers"),
            "oob": True,
        }
        return [
            Fragment(f"timers-{part}", render_to_string(f"flowdeck/timers/_{part}.html", context))
            for part in ("head", "hour", "rows")
        ]
