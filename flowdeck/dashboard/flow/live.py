"""The flow map and the panel beside it, live."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict

from flowdeck.dashboard.flow.choice import WINDOWS, Choice
from flowdeck.dashboard.flow.facts import MINUTE, Facts
from flowdeck.dashboard.flow.page import context_of
from flowdeck.dashboard.flow.panel import panel_of
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment, LiveView, Refusal
from flowdeck.people.access import can

_PARTS = ("marks", "drawing", "steps", "window", "jam", "processors", "connections")


class _Watched(LiveView):
    """Once a second, for whoever may see the log and the processors."""

    interval = 1.0
    beats = True

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the log and the processors."""
        for action in ("view_log", "view_processors"):
            decision = can(user, action)
            if not decision:
                return Refusal(decision.reason)
        return None


class FlowView(_Watched):
    """``flow:?focus=type:Probed&models=1``: the choices as in the page's address."""

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The choices in their order."""
        return _choice(argument).query(node="")

    def regions(self) -> Sequence[Fragment]:
        """The map, what is odd, where it jams, and both tables."""
        choice = _choice(self.argument)
        context = context_of(choice, Facts.load(choice.window)) | {"oob": True}
        return [
            Fragment(f"flow-{part}", render_to_string(f"flowdeck/flow/_{part}.html", context))
            for part in _PARTS
        ]


class FlowNodeView(_Watched):
    """``flow-node:<kind>:<name>``: the figures of one node's panel; ``flow-node:10:<kind>:<name>``
    with those of the last ten seconds."""

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """Always with the seconds."""
        window, key = _node(argument)
        return f"{window}:{key}"

    def regions(self) -> Sequence[Fragment]:
        """The figures; its head and links stay as they are."""
        window, key = _node(self.argument)
        choice = Choice(window=window)
        panel = panel_of(key, Facts.load(window))
        if panel is None:
            return []
        context = {"panel": panel, "choice": choice, "oob": True}
        html = render_to_string("flowdeck/flow/_figures.html", context)
        return [Fragment("flow-figures", html)]


def _choice(argument: str) -> Choice:
    return Choice.of(QueryDict(argument.removeprefix("?")).dict())


def _node(argument: str) -> tuple[int, str]:
    head, _, rest = argument.partition(":")
    asked = {str(seconds): seconds for seconds in WINDOWS}.get(head)
    return (MINUTE, argument) if asked is None else (asked, rest)
