"""The statements of timers, once per database: :class:`Timers` says what both modules offer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, cast

from flowdeck.database import connection
from flowdeck.declare.registry import Subscription
from flowdeck.declare.timing import Cancel
from flowdeck.sql.modules import module_of
from flowdeck.telemetry import AppendedEvent

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

    from flowdeck.sql import EventRow


@dataclass(frozen=True, slots=True)
class TimerRow:
    """An event that is to be appended in ``seconds``, or ``at`` a time."""

    event: EventRow
    scope: str
    name: str
    seconds: float | None
    at: datetime | None
    replace: bool
    stale_at: datetime | None


@dataclass(frozen=True, slots=True)
class Fired:
    """What was moved into the log. ``refused`` could not be, each for its own fault.

    ``more``: there may be more that is due. ``next_in`` is in how many seconds the next one is;
    None: nobody knows of any.
    """

    events: tuple[AppendedEvent, ...] = ()
    refused: int = 0
    more: bool = False
    next_in: float | None = None


class Timers(Protocol):
    """What each database module offers."""

    def put(
        self, cursor: CursorWrapper, rows: Sequence[TimerRow], cancelled: Sequence[Cancel]
    ) -> None:
        """Cancel, then set; each name once. Needs an open transaction.

        The heads of the streams and keys are locked until it ends (PostgreSQL), and are there from
        then on: so nobody sets the same name meanwhile, and whoever moves timers can pass by what
        is under change.
        """

    def fire(self, most: int, known: Collection[str], fan_out: Sequence[Subscription]) -> Fired:
        """Move up to ``most`` of what is due into the log, by due time; nothing if somebody does.

        One transaction of its own, in autocommit. It waits for nobody: timers of streams that are
        held are passed by, all of them, and so are those of a stream with a type that is not
        ``known`` here. What can't be appended ends as refused.
        """


def timers() -> Timers:
    """The module for the default database. Raises ImproperlyConfigured for other databases."""
    return cast(Timers, module_of(f"{connection.vendor}.timers"))
