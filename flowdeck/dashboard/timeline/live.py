"""The timeline, live: drawn anew a few times a second while something happens."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import QueryDict

from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.dashboard.timeline.page import chosen, context_of, query_of
from flowdeck.live import Fragment, LiveView


class TimelineView(LiveView):
    """``timeline:`` and the page's parameters: ``timeline:window=60&selected=42``.

    It beats, since its axis goes on when nothing happens.
    """

    permission = "view_log"
    interval = 0.5
    beats = True

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The page's parameters in their order."""
        return query_of(chosen(QueryDict(argument)))

    def regions(self) -> Sequence[Fragment]:
        """The whole drawing."""
        context = context_of(chosen(QueryDict(self.argument))) | {"oob": True}
        return [Fragment("timeline", render_to_string("flowdeck/timeline/_drawing.html", context))]
