"""The horizon: up to there the log is settled, so that no event can still appear before it.

Positions are given out before the commit, so an event may become visible after a later one. Who
reads the log by position, outside of a lane, must not run past one that is still to come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

from flowdeck.database import connection
from flowdeck.log.positions import newest_position
from flowdeck.sql import dialect

# Appends take a few milliseconds. Who has waited long asks less often, but waits at most a tenth
# longer than it must.
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGER = 0.001, 0.01, 0.1
_PAUSE = threading.Event()
_NEAR = 10_000  # positions looked at for a missing one


_WITHOUT_GAP = f"""
SELECT coalesce(max(position), %s) FROM (
  SELECT position, row_number() OVER (ORDER BY position) AS number FROM (
    SELECT position FROM flowdeck_event WHERE position > %s ORDER BY position LIMIT {_NEAR}
  ) AS near) AS numbered
WHERE position = %s + number
"""


@dataclass(frozen=True, slots=True)
class Horizon:
    """All is visible up to ``position``. ``held_up``: there is more, behind what may still come."""

    position: int
    held_up: bool


def settled_position(patience: float) -> int | None:
    """A position up to which all is visible, near the end of the log.

    Waits for the appends that are under way, which may have earlier positions; None if they take
    longer than ``patience`` seconds. Other transactions, however long, are not waited for, and it
    takes no transaction id, so it may be asked as often as one likes, in read-only transactions
    too. Needs autocommit (or READ COMMITTED), and the primary: a replica can't see what is under
    way, so there it raises ReplicaCantTell.
    """
    newest = newest_position()
    # Whoever has a position below the newest one had it before, and is among these or has ended.
    return newest if _ended(dialect().appending, patience) else None


def horizon(after: int, patience: float) -> Horizon:
    """How far the log can be read on from ``after`` without missing anything.

    Up to the settled position; if appends under way take longer than ``patience`` seconds, up to
    before the first missing position behind ``after``, which may be theirs (or was given up long
    ago). Conditions and errors as for :func:`settled_position`.
    """
    settled = settled_position(patience)
    if settled is not None:
        return Horizon(settled, held_up=False)
    with connection.cursor() as cursor:
        cursor.execute(_WITHOUT_GAP, [after, after, after])
        return Horizon(int(cursor.fetchone()[0]), held_up=True)


def writers_ended(patience: float) -> bool:
    """Wait until all that has written anything by now has ended; whether it did in time.

    It is for what must not overlap with transactions that may append later. Conditions and errors
    as for :func:`settled_position`.
    """
    return _ended(dialect().writing, patience)


def _ended(look: Callable[[CursorWrapper], frozenset[str]], patience: float) -> bool:
    began = time.monotonic()
    with connection.cursor() as cursor:
        under_way = look(cursor)
        while under_way:
            waited = time.monotonic() - began
            if waited > patience:
                return False
            _PAUSE.wait(min(max(waited * _LONGER, _FIRST_PAUSE), _LONGEST_PAUSE))
            under_way &= look(cursor)
    return True
