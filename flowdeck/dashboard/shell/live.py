"""What the alert rules say now, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment, LiveView, Refusal
from flowdeck.models import AlertRule
from flowdeck.people.access import can


class AlertsView(LiveView):
    """``alerts``: the state of each rule. It beats, since the workers look at the rules."""

    beats = True
    interval = 1.0

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see alerts."""
        decision = can(user, "view_alerts")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """The state cell of each rule."""
        return [
            Fragment(
                f"alert-{rule.pk}",
                render_to_string("flowdeck/alerts/_live_state.html", {"rule": rule}),
            )
            for rule in AlertRule.objects.all()
        ]
