"""The groups of dead letters and the progress of bulk actions, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string

from events.access import can
from events.dashboard.dead_letters import recent
from events.dead_letter_groups import BY, groups, totals
from events.live import Fragment, LiveView, Refusal


class DeadLettersView(LiveView):
    """``dead-letters`` or ``dead-letters:<how they are grouped>``: figures, groups, progress.

    It beats, since bulk actions go on in other processes.
    """

    interval = 0.5
    beats = True

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see dead letters."""
        decision = can(user, "view_dead_letters")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """Figures, progress, and each group's figures (its buttons stay as they are)."""
        by = self.argument if self.argument in BY else "error"
        found = [
            self._fragment("totals", {"totals": totals()}),
            self._fragment("bulk", {"bulk_actions": recent()}),
        ]
        for group in groups(by):
            html = render_to_string("events/dead_letters/_live_group.html", {"group": group})
            found.append(Fragment(f"group-{group.value}", html))
        return found

    def _fragment(self, part: str, context: dict[str, Any]) -> Fragment:
        template = f"events/dead_letters/_{part}.html"
        return Fragment(f"dl-{part}", render_to_string(template, {**context, "oob": True}))
