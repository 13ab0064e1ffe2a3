"""What comes for a key in quick succession is handed over together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flowdeck.errors import RegistrationError

LONGEST, LARGEST = 86_400.0, 5_000
"""Seconds that something is gathered at most, and how many events."""


@dataclass(frozen=True, slots=True)
class Gather:
    """Hand over what comes for a key as one call of a ``batch=True`` handler, once it is quiet.

    ``quiet``: none came for the key for so many seconds. ``most``: the first waits no longer than
    that, however many come. ``count``: the most in one call; a key with so many goes as soon as the
    first has waited for its quiet time.
    Raises RegistrationError for what can't be kept.
    """

    quiet: float
    most: float
    count: int = 500

    def __post_init__(self) -> None:
        """Refuse what would never be handed over, or at once."""
        if not (math.isfinite(self.quiet) and 0 < self.quiet <= LONGEST):
            raise RegistrationError(
                f"Gather(quiet={self.quiet!r}) must be above 0 and at most {LONGEST:,.0f} seconds."
            )
        if not (math.isfinite(self.most) and self.quiet <= self.most <= LONGEST):
            raise RegistrationError(
                f"Gather(most={self.most!r}) must be at least quiet={self.quiet!r} and at most "
                f"{LONGEST:,.0f} seconds."
            )
        if not 1 < self.count <= LARGEST:
            raise RegistrationError(
                f"Gather(count={self.count!r}) must be above 1 and at most {LARGEST:,}."
            )

    @property
    def beyond_quiet(self) -> float:
        """Seconds that the first waits after its own quiet time, as long as others come."""
        return self.most - self.quiet
