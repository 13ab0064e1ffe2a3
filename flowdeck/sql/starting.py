"""Handing out starts of limited processors, once per database: :class:`Starts` says what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast
from uuid import UUID

from flowdeck.database import connection
from flowdeck.sql.modules import module_of

if TYPE_CHECKING:
    from flowdeck.sql import DueDelivery, LaneRow

AHEAD = 1.0
"""Seconds that a start may lie ahead when it is handed out: one worker waits for it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a start: the processor, its limits, and the lease that it is to have."""

    processor: str
    worker: str
    token: UUID
    lease_seconds: float
    parks: bool
    concurrent: int | None
    every: float | None
    burst: int
    grouped: bool


@dataclass(frozen=True, slots=True)
class Start:
    """A leased lane, and in how many seconds its first due delivery may start.

    Where limits hold for groups apart it is the one at ``position``.
    """

    lane: LaneRow
    seconds: float
    position: int | None = None


class Starts(Protocol):
    """What each database module offers."""

    def claim_start(self, asked: Asked, leave_out: Iterable[int]) -> Start | None:
        """Lease one free lane that has due work, if it may start now or soon. In autocommit."""

    def fetch_one(self, processor: str, position: int) -> DueDelivery | None:
        """The one that was chosen, if it is still due. Its lane is leased."""

    def assign_groups(self, processor: str, by: str) -> None:
        """Put what is due and in no group into its own: it was there before the limits were."""


def starts() -> Starts:
    """The module for the default database. Raises ImproperlyConfigured for other databases."""
    return cast(Starts, module_of(f"{connection.vendor}.starting"))
