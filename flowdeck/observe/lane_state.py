"""How one lane is doing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck.conf import conf
from flowdeck.models import Lane

_CLAIM = timedelta(seconds=5)  # a batch ends sooner; an older claim did not end well


@dataclass(frozen=True, slots=True)
class LaneState:
    """A lane: ``held`` while a worker works on it, ``careful`` while it is worked on one delivery
    at a time since workers died on it, else ``free``. ``worker`` is who held it last."""

    number: int
    state: str
    worker: str

    @classmethod
    def of(cls, number: int, lane: Lane, now: datetime) -> LaneState:
        """As it is ``now``."""
        leased = lane.lease_expires_at is not None and lane.lease_expires_at > now
        claimed = lane.claims > 0 and lane.claimed_at is not None and lane.claimed_at > now - _CLAIM
        careful = lane.suspect is not None or lane.claims > conf().CRASHES
        state = "careful" if careful else "held" if leased or claimed else "free"
        return cls(number, state, lane.worker)
