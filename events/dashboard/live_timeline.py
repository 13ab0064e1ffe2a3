"""The timeline, live: the drawing anew a few times a second while something happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.template.loader import render_to_string

from events.access import can
from events.dashboard.timeline import chosen, context_of
from events.dashboard.timeline_data import Timeline
from events.live import Fragment, LiveView, Refusal


class TimelineView(LiveView):
    """``timeline:<window>`` or ``timeline:<window>:<selected position>``.

    It beats, since its axis goes on when nothing happens.
    """

    interval = 0.5
    beats = True

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the log."""
        decision = can(user, "view_log")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """The whole drawing."""
        window, _, selected = self.argument.partition(":")
        seconds, position = chosen({"window": window, "selected": selected})
        context = context_of(Timeline.load(seconds, position)) | {"oob": True}
        return [Fragment("timeline", render_to_string("events/timeline/_drawing.html", context))]
