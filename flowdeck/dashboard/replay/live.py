"""The replay page, live: progress, verdicts and runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowdeck import parsing
from flowdeck.dashboard.replay.page import contents
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Fragment, LiveView, Refusal
from flowdeck.models import ReplayRun
from flowdeck.people.access import can


class ReplayView(LiveView):
    """``replay:<run>``: the read models, the run that is shown, and the list of runs.

    Its buttons are links to where the question is asked, so it is the same for everybody.
    """

    interval = 0.5
    beats = True

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The number of a run, or none."""
        number = parsing.number(argument)
        return argument if number is None else str(number)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see replays."""
        if argument and parsing.number(argument) is None:
            return Refusal("There is no such run.")
        decision = can(user, "view_replay")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """All three parts."""
        try:
            context = contents(int(self.argument) if self.argument else None)
        except ReplayRun.DoesNotExist:
            return []
        context["oob"] = True
        return [
            Fragment(
                f"replay-{part}",
                render_to_string(f"flowdeck/replay/_{part}.html", context),
            )
            for part in ("models", "run", "runs")
        ]
