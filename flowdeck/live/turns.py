"""Whose views are rendered first: those of people who had little of the feed's time lately.

One feed renders for everybody. Somebody who watches much must not make the others wait, so a frame
takes a fifth of a second; what is left comes with the next one, and whoever used most is last.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowdeck.live.frame import Frame

FRAME_SECONDS = 0.2
_KEPT = 0.8  # how much of what somebody used still counts one frame later
_NOTHING = 0.001  # seconds


class Turns:
    """Keeps how long each person's views took."""

    def __init__(self) -> None:
        self._used: dict[Hashable, float] = {}

    def of(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
        """Each frame, in fair order, and whether it is to be rendered now (else with the next).

        The time until the next one is asked for is what the frame cost.
        """
        self._fade()
        end = time.monotonic() + FRAME_SECONDS
        for frame in sorted(frames, key=self._rank):
            began = time.monotonic()
            yield frame, began < end
            if began < end:
                frame.channel.turn = began
                self._charge(frame, time.monotonic() - began)

    def _rank(self, frame: Frame) -> tuple[float, float]:
        # Somebody who used little may be among many, so a view that many watch is not held back.
        used = min((self._used.get(person, 0.0) for person in frame.people), default=0.0)
        return used, frame.channel.turn

    def _charge(self, frame: Frame, seconds: float) -> None:
        for person in frame.people:
            share = seconds / frame.watchers
            self._used[person] = self._used.get(person, 0.0) + share

    def _fade(self) -> None:
        kept = ((person, used * _KEPT) for person, used in self._used.items())
        self._used = {person: used for person, used in kept if used > _NOTHING}
