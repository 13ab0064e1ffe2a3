"""When a failed delivery is tried again: a pure function of the attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from flowdeck.errors import RegistrationError


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
        if self.max_attempts < 1 or self.base < 0 or self.factor < 1 or self.cap < self.base:
            raise RegistrationError(
                f"{self} cannot work: needs max_attempts >= 1, base >= 0, factor >= 1, cap >= base."
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
