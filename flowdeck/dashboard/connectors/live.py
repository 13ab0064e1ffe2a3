"""The tables of connectors and the attempts of one, live."""

from __future__ import annotations

from collections.abc import Sequence

from flowdeck.connect.standing import standings
from flowdeck.dashboard.connectors.attempts import AttemptsPage
from flowdeck.dashboard.connectors.rows import Rows
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.errors import UnknownConnector
from flowdeck.live import Fragment, LiveView


class ConnectorsView(LiveView):
    """``connectors``: the figures above, and each row."""

    permission = "view_connectors"
    interval = 1.0
    beats = True

    def regions(self) -> Sequence[Fragment]:
        """All of it: what changes is told by no bell."""
        rows = Rows(standings())
        totals = render_to_string("flowdeck/connectors/_totals.html", {"rows": rows, "oob": True})
        found = [Fragment("connectors-totals", totals)]
        for row in rows.all:
            html = render_to_string("flowdeck/connectors/_live_row.html", {"row": row})
            found.append(Fragment(f"connector-{row.name}", html))
        return found


class AttemptsView(LiveView):
    """``attempts:<outlet>:<all or failed>``: how it is doing, and its newest attempts."""

    permission = "view_connectors"
    interval = 1.0
    beats = True

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """As it is; None for what is no choice."""
        return argument if argument.rpartition(":")[2] in ("all", "failed") else None

    def regions(self) -> Sequence[Fragment]:
        """All of it; nothing of an outlet that is none."""
        name, _, choice = self.argument.rpartition(":")
        page = AttemptsPage(name, failed=choice == "failed")
        try:
            return [
                Fragment(
                    f"attempts-{part}",
                    render_to_string(
                        f"flowdeck/connectors/_attempts_{part}.html", {"page": page, "oob": True}
                    ),
                )
                for part in ("now", "rows")
            ]
        except UnknownConnector:
            return []
