"""``experiment:<lesson>``: the evidence of one learner's newest run, while it happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowdeck.extend import Changes, Fragment, LiveView, Refusal, can, render_to_string
from lab import runs
from lab.lessons import BY_SLUG
from lab.shown import experiment


class ExperimentView(LiveView):
    """Renders while the run is under way; a settled one costs one small query a second."""

    per_user = True
    beats = True
    interval = 0.5

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._settled: int | None = None

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The name of a lesson; others are refused with a reason."""
        return argument

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Everybody who may use the lab, their own runs only."""
        if argument not in BY_SLUG:
            return Refusal("There is no such lesson.")
        decision = can(user, "lab.use_lab")
        return None if decision else Refusal(decision.reason)

    def regions(self) -> Sequence[Fragment]:
        """The evidence."""
        lesson = BY_SLUG[self.argument]
        shown = experiment(self.user, lesson)
        self._settled = shown.run.pk if shown.run and shown.over else None
        context = {"lesson": lesson, "experiment": shown, "oob": True}
        return [Fragment("evidence", render_to_string("lab/evidence.html", context))]

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """Nothing while there is no run, or the newest one is settled."""
        newest = runs.newest(self.user, BY_SLUG[self.argument])
        if newest is None or newest.pk == self._settled:
            return []
        return self.regions()
