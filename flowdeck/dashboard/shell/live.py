"""What the alert rules say now, live."""

from __future__ import annotations

from collections.abc import Sequence

from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment, LiveView
from flowdeck.models import AlertRule


class AlertsView(LiveView):
    """``alerts``: the state of each rule. It beats, since the workers look at the rules."""

    permission = "view_alerts"
    beats = True
    interval = 1.0

    def regions(self) -> Sequence[Fragment]:
        """The state cell of each rule."""
        return [
            Fragment(
                f"alert-{rule.pk}",
                render_to_string("flowdeck/alerts/_live_state.html", {"rule": rule}),
            )
            for rule in AlertRule.objects.all()
        ]
