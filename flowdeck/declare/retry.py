"""Retry policies: when a failed delivery is tried again, by its attempt and its error."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from flowdeck.errors import FAULTS, LONGEST_WAIT, RegistrationError

logger = logging.getLogger("flowdeck")

MOST_ATTEMPTS = 32_767
"""As many as the column of a delivery can count."""
_MOST_FACTOR = 10_000  # its 64th power is still a number


Draw = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter.

    ``max_attempts`` counts the first try too. ``base`` and ``cap`` are seconds; the delay before
    attempt n+1 is drawn uniformly from (0, min(cap, base * factor ** (n - 1))] when ``jitter`` is
    on, and is that upper end when it is off. Source: "Exponential Backoff And Jitter", AWS
    Architecture Blog, 2015 ("full jitter").

    ``on`` says otherwise for kinds of errors, the most specific class first: ``"dead"`` is a dead
    letter at once, ``"again"`` this policy, another Retry that one, and a function of the error the
    seconds to wait as long as attempts are left (:func:`after` makes one; None: as this policy
    says).
    """

    max_attempts: int = 5
    base: float = 1.0
    factor: float = 2.0
    cap: float = 60.0
    jitter: bool = True
    on: Mapping[type[BaseException], Answer] = field(default_factory=dict, hash=False)

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
        for kind, answer in self.on.items():
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise RegistrationError(f"Retry(on=...) names {kind!r}, which is no error class.")
            if not (answer in ("dead", "again") or isinstance(answer, Retry) or callable(answer)):
                raise RegistrationError(
                    f"Retry(on={{{kind.__name__}: {answer!r}}}): say 'dead', 'again', a Retry, or "
                    "a function of the error that gives seconds."
                )

    def ceiling(self, attempt: int) -> float:
        """Longest possible delay in seconds after the ``attempt``-th try (from 1) failed."""
        # The exponent is bounded so that a float never overflows; cap wins long before.
        return min(self.cap, self.base * self.factor ** min(attempt - 1, 64))

    def delay_after(
        self, error: BaseException, attempt: int, draw: Draw = random.random
    ) -> float | None:
        """Seconds to wait after the ``attempt``-th try failed with ``error``; None: no more."""
        answer = next((self.on[one] for one in type(error).__mro__ if one in self.on), "again")
        if answer == "dead":
            return None
        if isinstance(answer, Retry):
            return answer.delay(attempt, draw)
        own = self.delay(attempt, draw)
        if own is None or isinstance(answer, str):
            return own
        return _seconds(answer, error, own)

    def delay(self, attempt: int, draw: Draw = random.random) -> float | None:
        """Seconds to wait after the ``attempt``-th try failed; None when attempts are used up."""
        if attempt >= self.max_attempts:
            return None
        ceiling = self.ceiling(attempt)
        return ceiling * (1.0 - draw()) if self.jitter else ceiling


Answer = Literal["again", "dead"] | Retry | Callable[[BaseException], float | None]


def after(name: str) -> Callable[[BaseException], float | None]:
    """For ``Retry(on=...)``: wait for the seconds in the attribute ``name`` of the error.

    ``Retry(on={RateLimited: after("retry_after")})``; where it has none, as the policy says.
    """

    def seconds(error: BaseException) -> float | None:
        found = getattr(error, name, None)
        return None if found is None else float(found)

    return seconds


def _seconds(
    answer: Callable[[BaseException], float | None], error: BaseException, own: float
) -> float:
    """What the function says; what can't be waited for is logged, and ``own`` counts."""
    try:
        said = answer(error)
        if said is None:
            return own
        if math.isfinite(said) and 0 <= said <= LONGEST_WAIT:
            return float(said)
    except FAULTS:
        logger.exception("Retry(on=...) could not tell how long to wait for %r.", error)
        return own
    logger.error(
        "Retry(on=...) says to wait for %r seconds after %r; 0 to %s can be waited for.",
        said,
        error,
        LONGEST_WAIT,
    )
    return own
