"""Taking what was gathered for a key, once per database: :class:`Gathering` says what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from flowdeck.database import connection
from flowdeck.sql.modules import module_of

if TYPE_CHECKING:
    from flowdeck.sql import DueDelivery, LaneRow


@dataclass(frozen=True, slots=True)
class Wanted:
    """Keys of a processor that are ready: all of their deliveries up to ``fill`` of each.

    The first of a key waits no more than ``beyond`` seconds after its own quiet time. ``limit``:
    so many deliveries in all, but always one key. ``parks``: dead letters hold their key back.
    """

    processor: str
    parks: bool
    beyond: float
    fill: int
    limit: int


class Gathering(Protocol):
    """What each database module offers. Both need an open transaction, and two round trips."""

    def take_gathered(self, wanted: Wanted, lanes: Sequence[LaneRow]) -> list[DueDelivery]:
        """Lock the lanes that nobody else has, and read what is ready on them, by position."""

    def fetch_gathered(self, wanted: Wanted, lanes: Sequence[LaneRow]) -> list[DueDelivery]:
        """The same on lanes that are leased: they are not locked."""


def gathering() -> Gathering:
    """The module for the default database. Raises ImproperlyConfigured for other databases."""
    return cast(Gathering, module_of(f"{connection.vendor}.gathering"))
