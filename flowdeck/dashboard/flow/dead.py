"""The dead letters as one node of the flow map."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flowdeck import clock
from flowdeck.declare.states import DeliveryState
from flowdeck.models import Due
from flowdeck.observe.current import COUNTED
from flowdeck.observe.overview import ProcessorRow

SAMPLE = 2_000
"""Newest dead letters that tell the rates."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """How many wait for a person, since when the oldest, and how many came per second.

    ``by`` are counts by processor, which stop at ``overview.COUNTED``.
    """

    by: dict[str, int]
    oldest_at: datetime | None
    per_second: dict[str, float]

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.by.values())

    @property
    def at_least(self) -> bool:
        """Whether ``count`` is only the lower bound."""
        return any(count >= COUNTED for count in self.by.values())

    @property
    def sources(self) -> list[str]:
        """The processors that they are of."""
        return sorted(self.by)


def dead_letters(rows: Sequence[ProcessorRow], window: int) -> DeadLetters:
    """Of these processors; two queries, both from the ends of the index of the dead by time."""
    by = {row.name: row.dead for row in rows if row.dead}
    now = clock.now()
    dead = Due.objects.filter(state__among=[DeliveryState.DEAD], finished_at__isnull=False)
    oldest = dead.order_by("finished_at").values_list("finished_at", flat=True).first()
    newest = dead.filter(finished_at__gt=now - timedelta(seconds=window)).order_by("-finished_at")
    came = list(newest.values_list("processor", "finished_at")[:SAMPLE])
    first = came[-1][1] if len(came) == SAMPLE else None
    reach = max(1.0, (now - first).total_seconds()) if first else float(window)
    rates = {name: count / reach for name, count in Counter(name for name, _ in came).items()}
    return DeadLetters(by, oldest, rates)
