"""The retry policy of a processor as steps: which wait follows which attempt. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from flowdeck.declare.retry import Retry

_MOST = 8  # attempts drawn; of more the first ones and the last
_LEFT, _RIGHT = 3.0, 90.0  # percent; the dead letter stands to the right
_SHORTEST = 1.2  # what the shortest gap counts for, so that its label has room


@dataclass(frozen=True, slots=True)
class RetryStep:
    """One attempt at ``x`` percent. ``wait`` is the longest wait in seconds before the next one,
    over the gap from ``x`` to ``next_x``; None after the last. ``waiting`` deliveries wait to be
    tried this time; ``skipped`` attempts before it are not drawn."""

    number: int
    x: float
    next_x: float
    wait: float | None
    waiting: int
    skipped: int = 0

    @property
    def gap(self) -> float:
        """Width of the gap."""
        return round(self.next_x - self.x, 2)

    @property
    def middle(self) -> float:
        """Where the wait is written."""
        return round((self.x + self.next_x) / 2, 2)


def steps_of(retry: Retry, waiting: Mapping[int, int]) -> list[RetryStep]:
    """The steps; ``waiting`` counts retrying deliveries by the attempts they have had."""
    numbers = list(range(1, retry.max_attempts + 1))
    if len(numbers) > _MOST:
        numbers = [*numbers[: _MOST - 1], numbers[-1]]
    waits = [retry.ceiling(number) for number in numbers[:-1]]
    weights = [_SHORTEST + log2(1 + wait) for wait in waits]
    unit = (_RIGHT - _LEFT) / sum(weights) if weights else 0.0
    places = [_LEFT]
    for weight in weights:
        places.append(places[-1] + weight * unit)
    found, before = [], 0
    for index, number in enumerate(numbers):
        last = index == len(numbers) - 1
        found.append(
            RetryStep(
                number=number,
                x=round(places[index], 2),
                next_x=round(places[index + 1], 2) if not last else 0.0,
                wait=None if last else waits[index],
                waiting=sum(waiting.get(n, 0) for n in range(before, number)),
                skipped=number - before - 1,
            )
        )
        before = number
    return found
