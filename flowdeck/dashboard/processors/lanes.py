"""What waits in each lane of a processor, as bars: a hot key stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowdeck.declare.states import UNFINISHED, among
from flowdeck.models import Lane
from flowdeck.observe.lane_state import LaneState
from flowdeck.sql.parts import rows

HEIGHT = 48
_COUNTED = 20_000  # deliveries, the first ones of the processor

_BY_SLOT = f"""
SELECT slot, count(*) FROM (
  SELECT d.slot FROM flowdeck_due d
  WHERE d.processor = %s AND d.state {among(*UNFINISHED)} LIMIT {_COUNTED}
) AS waiting GROUP BY slot
"""


@dataclass(frozen=True, slots=True)
class LaneBar:
    """A lane at ``x`` and ``width`` percent, and how many deliveries wait in it."""

    x: float
    width: float
    height: float
    waiting: int
    state: LaneState

    @property
    def y(self) -> float:
        """Where its bar begins."""
        return round(HEIGHT - self.height, 1)

    @property
    def middle(self) -> float:
        """Where its number stands."""
        return round(self.x + self.width / 2, 2)


def lane_bars(processor: str, states: Sequence[LaneState]) -> list[LaneBar]:
    """All lanes in order; two queries. Beyond 20,000 deliveries they show how those are spread."""
    lanes = list(Lane.objects.filter(processor=processor).order_by("first_slot"))
    waiting = [0] * len(lanes)
    for slot, number in rows(_BY_SLOT, [processor]):
        for place, lane in enumerate(lanes):
            if lane.first_slot <= slot <= lane.last_slot:
                waiting[place] += number
    most, unit = max(waiting, default=0) or 1, 100 / (len(lanes) or 1)
    return [
        LaneBar(
            round(place * unit, 2),
            round(unit * 0.9, 2),
            round(number / most * (HEIGHT - 14), 1),
            number,
            state,
        )
        for place, (number, state) in enumerate(zip(waiting, states, strict=False))
    ]
