"""The first page, live: once a second, and the curves of a day every ten."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from flowdeck.dashboard.home.page import context_of
from flowdeck.dashboard.home.parts import named, parse, refusal
from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.live import Changes, Fragment, LiveView, Refusal

_OFTEN = ("verdict", "needs", "processors", "changes", "due", "connectors")
_SECONDS = 10.0  # between two readings of the curves of a day


class OverviewView(LiveView):
    """``overview:`` and the parts that its watchers may see: ``overview:alerts,letters``.

    It beats, since what waits grows older when nothing happens.
    """

    interval = 1.0
    beats = True

    def __init__(self, user: Any, argument: str) -> None:
        super().__init__(user, argument)
        self._parts = parse(argument) or frozenset()
        self._read_at = 0.0

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        """The parts in their order; None if there is no such part."""
        parts = parse(argument)
        return None if parts is None else named(parts)

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        """Whoever may see the page and all of these parts."""
        return refusal(user, parse(argument) or frozenset())

    def regions(self) -> Sequence[Fragment]:
        """All of it."""
        self._read_at = time.monotonic()
        return self._fragments((*_OFTEN, "pulse"))

    def patch(self, changes: Changes) -> Sequence[Fragment]:
        """All of it, the curves if it is time."""
        if time.monotonic() - self._read_at > _SECONDS:
            return self.regions()
        return self._fragments(_OFTEN)

    def _fragments(self, names: Sequence[str]) -> list[Fragment]:
        context = context_of(self._parts) | {"oob": True}
        return [
            Fragment(f"home-{name}", render_to_string(f"flowdeck/home/_{name}.html", context))
            for name in names
        ]
