"""The statements of the hot path, once per database.

Both modules offer the same functions, described in :class:`Dialect`; all of them are set-based
and cost a constant number of round trips, whatever the number of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID

from flowdeck.database import connection
from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import Subscription
from flowdeck.sql.health import Health, Holder
from flowdeck.sql.modules import module_of
from flowdeck.sql.rows import (
    DeliveryRow,
    DueDelivery,
    EventRow,
    LaneRow,
    Left,
    Mark,
    Place,
    Taken,
)

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper


class Dialect(Protocol):
    """What each database module offers. All need an open transaction unless said otherwise."""

    APPENDS_BY_ONE_STATEMENT: bool
    """Whether ``append`` is all or nothing outside of a transaction too."""

    TRACE_END: str
    """The last seven digits of an event's correlation id, as first events have an index of them."""

    def append(
        self,
        cursor: CursorWrapper,
        rows: Sequence[EventRow],
        fan_out: Sequence[Subscription],
        also: Collection[str] = (),
    ) -> dict[UUID, Place]:
        """Insert events behind their streams, and a pending delivery for each subscription.

        Subscriptions are the ``fan_out`` and, of processors that are not in it for a type, those
        in the table (:class:`flowdeck.models.Subscription`). Returns the place of each event id.
        The heads of the streams and of those named as the keys are locked in order of name until
        the transaction ends, which serialises appends to a stream and appends of a key. ``also``
        names further ones to lock with them.
        """

    def claim_lanes(
        self,
        cursor: CursorWrapper,
        processor: str,
        limit: int,
        leave_out: Iterable[int],
        worker: str,
        kept_seconds: float,
        token: UUID | None,
        lease_seconds: float,
        left: Sequence[Left],
    ) -> list[LaneRow]:
        """Choose up to ``limit`` free lanes with due work, and count the claim on them.

        Other workers leave them alone for ``kept_seconds``, or until they are ``left``; with a
        ``token`` they are leased for ``lease_seconds``. Lanes that were kept before are left
        first. Runs in autocommit.
        """

    def leave_lanes(self, cursor: CursorWrapper, worker: str, left: Sequence[Left]) -> None:
        """Say that the claims of kept lanes have ended well, and where they have work from.

        Runs in autocommit.
        """

    def lock_leased(self, cursor: CursorWrapper, token: UUID, left: Sequence[Left]) -> list[int]:
        """Lock lanes for this transaction and return those that are still under this lease.

        At commit it ends, and their claims count as ended well.
        """

    def hold_leased(
        self,
        cursor: CursorWrapper,
        tokens: Sequence[UUID],
        lanes: Sequence[int],
        lease_seconds: float,
    ) -> int:
        """Lock lanes for this transaction and extend their leases; how many are under these."""

    def fetch_first(
        self,
        cursor: CursorWrapper,
        processor: str,
        lanes: Sequence[int],
        tokens: Sequence[UUID],
        busy: Sequence[str],
        limit: int,
        parks: bool,
    ) -> list[DueDelivery]:
        """The first due delivery of up to ``limit`` keys that are neither held back nor ``busy``.

        None of lanes whose lease has run out, and none while the processor is paused.
        """

    def fetch_due(
        self,
        cursor: CursorWrapper,
        processor: str,
        lanes: Sequence[LaneRow],
        limit: int,
        parks: bool,
    ) -> Taken:
        """Up to ``limit`` due deliveries of the lanes by position, without held-back keys.

        ``parks``: dead letters hold their key back.
        """

    def take_due(
        self,
        cursor: CursorWrapper,
        processor: str,
        lanes: Sequence[LaneRow],
        floors: Mapping[int, int],
        limit: int,
        parks: bool,
    ) -> Taken:
        """The same, of those lanes that are neither locked nor leased by somebody else.

        They are locked until the transaction ends. ``floors``: where lanes have work from, as far
        as is known since they were claimed.
        """

    def mark(self, cursor: CursorWrapper, processor: str, marks: Sequence[Mark], told: str) -> None:
        """Write the new states, and what the ``processor`` has ``told`` of them.

        What is done goes from ``due`` to ``done``. Raises PartitionMissing if there is no room for
        it there yet.
        """

    def renew_leases(
        self, cursor: CursorWrapper, tokens: Sequence[UUID], lease_seconds: float
    ) -> None:
        """Extend leases that are still held. Runs in autocommit."""

    def restore_settings(self, cursor: CursorWrapper, lasting: bool) -> None:
        """Give settings that were changed since the connection was opened their values back.

        For the rest of the transaction; with ``lasting`` for what comes after it, too.
        """

    def due_processors(self, cursor: CursorWrapper, names: Sequence[str]) -> list[str]:
        """Which of the processors have due work and are not paused."""

    def note_settled(self, cursor: CursorWrapper) -> None:
        """Note up to where the log is complete, as far as can be told. Runs in autocommit."""

    def select_events(
        self,
        cursor: CursorWrapper,
        where: str,
        parameters: Sequence[Any],
        *,
        as_written: bool = False,
    ) -> list[StoredEvent]:
        """Events of the log as ``where`` (and what follows it) chooses them.

        Those that were corrected have the payload that stands for theirs, but ``as_written``.
        """

    def insert_deliveries(
        self, cursor: CursorWrapper, processor: str, rows: Sequence[DeliveryRow], state: str
    ) -> None:
        """A delivery in this state, pending or done, for each of the rows that has none yet.

        Nobody else may be at work on these rows: their lanes are locked, or nobody knows them yet.
        """

    def make_partitions(self, cursor: CursorWrapper, positions: Iterable[int]) -> None:
        """Make room in ``done`` for deliveries of these positions, waiting for nobody for long."""

    def removable(self, upto: int) -> int:
        """Up to which position, not behind this one, ``done`` can be removed; 0 for none of it."""

    def remove_done(self, cursor: CursorWrapper, upto: int) -> bool:
        """Remove ``done`` up to a position, or some thousand rows of it; whether there is more.

        Runs in autocommit. Waits for nobody for long: raises OperationalError instead.
        """

    def partitions_ahead(self, newest: int) -> list[int]:
        """Positions up to which there is to be room when the ``newest`` is this one."""

    def appending(self, cursor: CursorWrapper) -> frozenset[str]:
        """Other transactions under way that may have given events a position; no two alike ever.

        Who is not among them has none, or its events are visible to the next statement. Raises
        ReplicaCantTell on a read replica.
        """

    def writing(self, cursor: CursorWrapper) -> frozenset[str]:
        """The same of all transactions that have written anything."""


class Tallies(Protocol):
    """What the fold of tallies needs besides statements that both databases take."""

    def prepare(self, cursor: CursorWrapper) -> None:
        """Let the rest of the transaction look thousands of keys up one by one."""

    def snapshot(self, cursor: CursorWrapper) -> None:
        """As the first of a transaction: let all its statements see the same."""

    def raise_floor(self, cursor: CursorWrapper) -> None:
        """Note up to which number no tally is left and none will come. Runs in autocommit."""


class Database(Protocol):
    """What the database says of itself. Each needs one query but ``health``, which needs four."""

    def holder(self, cursor: CursorWrapper) -> Holder | None:
        """Who holds the oldest snapshot now, if anybody who can be seen does."""

    def size(self, cursor: CursorWrapper) -> int:
        """Its bytes."""

    def health(self, cursor: CursorWrapper) -> Health:
        """All of it."""


def database() -> Database:
    """As :func:`dialect`, for what only pages and alerts need."""
    return cast(Database, module_of(f"{connection.vendor}.health"))


def tallies() -> Tallies:
    """As :func:`dialect`, for what only the fold needs."""
    return cast(Tallies, module_of(f"{connection.vendor}.tallies"))


def dialect() -> Dialect:
    """The module for the default database. Raises ImproperlyConfigured for other databases."""
    return cast(Dialect, module_of(connection.vendor))


__all__ = [
    "Database",
    "DeliveryRow",
    "Dialect",
    "DueDelivery",
    "EventRow",
    "LaneRow",
    "Left",
    "Mark",
    "Place",
    "Taken",
    "Tallies",
    "database",
    "dialect",
    "tallies",
]
