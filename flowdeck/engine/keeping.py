"""Keeping finished deliveries for as long as a setting says, counted from their events on.

What they tell of is in the figures and traces, which stay; the log stays whole. Up to where they
are removed is said before they are, so whoever reads the past never takes what is gone for what has
never been.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from flowdeck import clock
from flowdeck.conf import conf
from flowdeck.connect.outlets import outlets
from flowdeck.database import connection
from flowdeck.history import kept
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import Connector, Event
from flowdeck.sql import dialect

_SECONDS = 0.5  # of a minute: the thread has other work
_AT_ONCE = 5_000  # failed attempts

# Those of what is still due, dead letters before all, stay.
_REMOVE_ATTEMPTS = """
DELETE FROM flowdeck_attempt WHERE id IN (
  SELECT a.id FROM flowdeck_attempt a WHERE a.position <= %s AND NOT EXISTS (
    SELECT 1 FROM flowdeck_due d WHERE d.position = a.position AND d.processor = a.processor)
  ORDER BY a.position LIMIT %s)
"""


def forget_finished() -> None:
    """Remove what the setting lets go, for half a second. Needs autocommit.

    Raises OperationalError if somebody reads all deliveries for long: it is for the next minute.
    """
    days, now = conf().DELIVERIES_KEPT_DAYS, clock.now()
    if not days:
        return
    old = _last_before(now - timedelta(days=days) - SLACK)
    kept.announce_removal(dialect().removable(min([old, *_handed_on()])), now)
    upto, began = kept.removed_upto(), time.monotonic()
    more = upto > 0
    with connection.cursor() as cursor:
        while more and time.monotonic() - began < _SECONDS:
            more = dialect().remove_done(cursor, upto)
            cursor.execute(_REMOVE_ATTEMPTS, [upto, _AT_ONCE])
            more |= cursor.rowcount == _AT_ONCE


def _last_before(moment: datetime) -> int:
    """The position before the first event that is as young; positions may be left out."""
    since = first_since(moment)
    young = Event.objects.filter(position__gte=since).order_by("position")
    first = young.values_list("position", flat=True).first()
    return (since if first is None else first) - 1


def _handed_on() -> list[int]:
    """Up to where outlets of deliveries have read them: they are kept for these."""
    names = [one.name for one in outlets.values() if one.of == "deliveries"]
    there = dict(Connector.objects.filter(pk__in=names).values_list("name", "position"))
    return [there.get(name, 0) for name in names]
