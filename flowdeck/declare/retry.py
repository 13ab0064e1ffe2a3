"""Retry policies: when a failed delivery is tried again, a pure function of the attempt."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from flowdeck.errors import LONGEST_WAIT, RegistrationError

MOST_ATTEMPTS = 32_767
"""As many as the column of a delivery can count."""
_MOST_FACTOR = 10_000  # its 64th power is still a number


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter.

    ``max_attempts`` counts the first try too. ``base`` and ``cap`` are seconds; the delay before
    attempt n+1 is drawn uniformly from (0, min(cap, base * factor ** (n - 1))] when ``jitter`` is
    on, and is that upper end when it is off. Source: "Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015 ("full jitter").
    """

    max_attempts: int = 5
    base: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: bool = True

    def __post_init__(self) -> None:
        """Refuse numbers that would retry never, for ever or backwards."""
        count, numbers = self.max_attempts, (self.base, self.factor, self.cap)
        countable = isinstance(count, int) and 1 <= count <= MOST_ATTEMPTS
        finite = all(isinstance(one, (int, float)) and math.isfinite(one) for one in numbers)
        if not (
            countable
            and finite
            and 0 <= self.base <= self.cap <= LONGEST_WAIT
            and 1 <= self.factor <= _MOST_FACTOR
        ):
            raise RegistrationError(
                f"{self} cannot work: needs max_attempts from 1 to {MOST_ATTEMPTS:,} (a whole "
                f"number), 0 <= base <= cap <= {LONGEST_WAIT:,.0f} seconds, and factor from 1 to "
                f"{_MOST_FACTOR:,}."
            )

    def ceiling(self, attempt: int) -> float:
        """Longest possible delay in seconds after the ``attempt``-th try (from 1) failed."""
        # The exponent is bounded so that a float never overflows; cap wins long before.
        return min(self.cap, self.base * self.factor ** min(attempt - 1, 64))

    def delay(self, attempt: int, draw: Callable[[], float] = random.random) -> float | None:
        """Seconds to wait after the ``attempt``-th try failed; None when attempts are used up."""
        if attempt >= self.max_attempts:
            return None
        ceiling = self.ceiling(attempt)
        return ceiling * (1.0 - draw()) if self.jitter else ceiling
