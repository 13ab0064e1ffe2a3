"""A process, live: its diagram and its instances."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import QueryDict

from flowdeck.dashboard.processes.rows import Choice, Processes
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment, LiveView
from flowdeck.process_managers.declared import flows


class ProcessView(LiveView):
    """``processes:<name>?<filter>`` as the page's address has it."""

    permission = "view_log"
    interval = 1.0
    beats = True

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The filter as its page writes it; None for a process that nobody declares."""
        name, _, query = argument.partition("?")
        if name not in flows:
            return None
        return f"{name}?{Choice.parse(name, QueryDict(query)).query(selected='')}"

    def regions(self) -> Sequence[Fragment]:
        """All of the page that changes."""
        name, _, query = self.argument.partition("?")
        context = {"shown": Processes(Choice.parse(name, QueryDict(query))), "oob": True}
        return [
            Fragment(
                f"process-{part}", render_to_string(f"flowdeck/processes/_{part}.html", context)
            )
            for part in ("diagram", "rows")
        ]
