"""The tables of connectors, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowdeck.connect.standing import standings
from flowdeck.dashboard.connectors.rows import Rows
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment, LiveView, Refusal
from flowdeck.people.access import can


class ConnectorsView(LiveView):
    """``connectors``: the figures above, and each row."""

    interval = 1.0
    beats = True

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the connectors."""
        decision = can(user, "view_connectors")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """All of it: what changes is told by no bell."""
        rows = Rows(standings())
        totals = render_to_string("flowdeck/connectors/_totals.html", {"rows": rows, "oob": True})
        found = [Fragment("connectors-totals", totals)]
        for row in rows.all:
            html = render_to_string("flowdeck/connectors/_live_row.html", {"row": row})
            found.append(Fragment(f"connector-{row.name}", html))
        return found
