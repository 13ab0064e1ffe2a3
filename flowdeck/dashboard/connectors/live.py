"""The tables of connectors, live."""

from __future__ import annotations

from collections.abc import Sequence

from flowdeck.connect.standing import standings
from flowdeck.dashboard.connectors.rows import Rows
from flowdeck.dashboard.shell.rendering import render_to_string
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
