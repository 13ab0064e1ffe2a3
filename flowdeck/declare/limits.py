"""How much of a processor may happen at once: limits of its starts, and a breaker."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from flowdeck.errors import RegistrationError

_PER = re.compile(r"(\d+)/(\d+(?:\.\d+)?)?(s|min|h)")
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
LONGEST_REST = 600.0
"""Seconds that an open breaker rests at most, however often it has opened."""


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many calls of a handler at once, and so many starts in a time, over all workers.

    ``concurrent``: in the air at once. ``per``: starts in a time, as ``"10/s"``, ``"600/min"`` or
    ``"5/2s"``. They are spaced: at no time has a period more of them, but for ``burst`` that may
    start at once after a pause. With ``by``, a field of the events' payloads, they hold for each of
    its values apart, and the values take turns. What has to wait keeps its order, uses no attempt,
    and is no failure. Raises RegistrationError for what can't be kept.
    """

    concurrent: int | None = None
    per: str = ""
    burst: int = 1
    by: str = ""

    def __post_init__(self) -> None:
        """Refuse what would let nothing through, or anything."""
        if self.concurrent is None and not self.per:
            raise RegistrationError("Limits() limits nothing: give concurrent= or per=.")
        if self.concurrent is not None and self.concurrent < 1:
            raise RegistrationError(f"Limits(concurrent={self.concurrent}) must be 1 or more.")
        found = _PER.fullmatch(self.per)
        if self.per and (found is None or not int(found[1]) or found[2] in ("0", "0.0")):
            raise RegistrationError(
                f"Limits(per={self.per!r}) must be like '10/s', '600/min' or '5/2s'."
            )
        if self.burst < 1 or (self.burst > 1 and not self.per):
            raise RegistrationError(f"Limits(burst={self.burst}) must be 1 or more, beside per=.")

    @property
    def every(self) -> float | None:
        """Seconds between two starts; None if these are not limited."""
        found = _PER.fullmatch(self.per)
        return float(found[2] or 1) * _UNITS[found[3]] / int(found[1]) if found else None


@dataclass(frozen=True, slots=True)
class Breaker:
    """Leaves a provider that is down alone: no attempts are used up while it is open.

    It opens when ``share`` of the last ``of`` calls failed with an error of the classes ``on``.
    After ``rest`` seconds one delivery is tried: if that fails so, it rests twice as long (up to
    ten minutes); else all goes on. Raises RegistrationError for what can't work.
    """

    share: float = 0.5
    of: int = 20
    rest: float = 30.0
    on: tuple[type[BaseException], ...] = (ConnectionError, TimeoutError)

    def __post_init__(self) -> None:
        """Refuse what would never open, or never close."""
        if not (0 < self.share <= 1 and 1 <= self.of <= 1_000):
            raise RegistrationError(
                f"Breaker(share={self.share}, of={self.of}): a share above 0 and up to 1, of 1 to "
                "1,000 calls."
            )
        if not (math.isfinite(self.rest) and 0 < self.rest <= LONGEST_REST):
            raise RegistrationError(
                f"Breaker(rest={self.rest}) must be above 0 and at most {LONGEST_REST:,.0f} s."
            )
        if not self.on or not all(
            isinstance(one, type) and issubclass(one, BaseException) for one in self.on
        ):
            raise RegistrationError(f"Breaker(on={self.on!r}) must be classes of errors.")

    def opens(self, recent: str) -> bool:
        """Whether so many of the ``recent`` calls failed, a letter each: ``x`` for a failure."""
        return recent[-self.of :].count("x") >= self.share * self.of
