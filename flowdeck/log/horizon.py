"""Up to where the log is settled: no event can appear any more at a position read before.

Positions are given out before the commit, so an event may become visible after a later one. Who
reads the log by position, outside of a lane, must not run past one that is still to come.
"""

from __future__ import annotations

import threading
import time

from django.db import connection

from flowdeck.models import Event
from flowdeck.sql import dialect

_LOOK_AGAIN = 0.05
_PAUSE = threading.Event()


def newest_position() -> int:
    """The highest visible position; 0 for an empty log."""
    newest: int | None = (
        Event.objects.order_by("-position").values_list("position", flat=True)[:1].first()
    )
    return newest or 0


def settled_position(patience: float) -> int | None:
    """A position up to which all is visible, near the end of the log.

    Waits for the transactions that are under way, in which earlier positions may be; None if they
    take longer than ``patience`` seconds. Needs autocommit.
    """
    newest = newest_position()
    with connection.cursor() as cursor:
        _, following = dialect().transactions(cursor)
        end = time.monotonic() + patience
        while dialect().transactions(cursor)[0] < following:
            if time.monotonic() > end:
                return None
            _PAUSE.wait(_LOOK_AGAIN)
    return newest
