"""The pulse: a cheap sign of whether anything changed, which no lost message can hide.

Every way a delivery or the log can change moves one of these figures: an append the highest
position (or the number of the newest, if its commit came after that of a later one), a failed
attempt the highest attempt, a settled delivery the number of unfinished ones, a resolved dead
letter the number of dead ones, a switch the processors' states.
"""

from __future__ import annotations

from flowdeck.database import connection
from flowdeck.declare.states import UNFINISHED, DeliveryState, among

Pulse = tuple[object, ...]

_NEWEST = 500  # positions among which an event that appears late is noticed
_LIMIT = 5_000  # rows counted at most; with more, things are certainly moving

_QUERY = f"""
SELECT
  (SELECT max(position) FROM flowdeck_event),
  (SELECT max(id) FROM flowdeck_attempt),
  (SELECT count(*) FROM (
    SELECT 1 FROM flowdeck_due WHERE state {among(*UNFINISHED)} LIMIT {_LIMIT}) AS u),
  (SELECT count(*) FROM (
    SELECT 1 FROM flowdeck_due WHERE state {among(DeliveryState.DEAD)} LIMIT {_LIMIT}) AS d),
  (SELECT count(paused_at) FROM flowdeck_processorstate),
  (SELECT max(paused_at) FROM flowdeck_processorstate),
  (SELECT max(claimed_at) FROM flowdeck_lane WHERE token IS NOT NULL),
  (SELECT count(*) FROM flowdeck_event
    WHERE position > (SELECT max(position) FROM flowdeck_event) - {_NEWEST})
"""


def take() -> Pulse:
    """The figures of this moment, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(_QUERY)
        return tuple(cursor.fetchone())


def differs(before: Pulse | None, now: Pulse) -> bool:
    """Whether something may have changed between two pulses."""
    return before is None or before != now or now[2] == _LIMIT
