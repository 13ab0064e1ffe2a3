"""Deliveries that wait behind dead letters: derived when read, from the dead and pending of a key.

Queries look at a bounded number of waiting deliveries; beyond it the figures say "at least".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q

from flowdeck.database import connection
from flowdeck.declare.states import UNFINISHED, DeliveryState, among
from flowdeck.models import Delivery, Due

_LOOKED_AT = 10_000
_VALUES = {
    "error": ("fingerprint", ""),
    "processor": ("processor", ""),
    "type": ("e.type", "JOIN flowdeck_event e ON e.position = d.position"),
    "stream": ("e.stream", "JOIN flowdeck_event e ON e.position = d.position"),
}
# The first dead letter of a key holds it back.
_BEHIND = f"""
WITH waiting AS MATERIALIZED (
  SELECT processor, key, position FROM flowdeck_due
  WHERE state {among(*UNFINISHED)} AND state = '{DeliveryState.PENDING}'
    AND processor IN (SELECT DISTINCT processor FROM flowdeck_lane)
  LIMIT %s
), held AS MATERIALIZED (
  SELECT w.processor, w.key, (
    SELECT o.position FROM flowdeck_due o
    WHERE o.state {among(DeliveryState.DEAD)} AND o.processor = w.processor AND o.key = w.key
      AND o.position < w.position
    ORDER BY o.position LIMIT 1) AS holder
  FROM waiting w
)
SELECT {{value}}, count(*), count(DISTINCT held.key), (SELECT count(*) FROM waiting)
FROM held JOIN flowdeck_due d ON d.position = held.holder AND d.processor = held.processor {{join}}
GROUP BY 1
"""


class Behind(NamedTuple):
    """So many deliveries wait, in so many keys."""

    waiting: int = 0
    keys: int = 0


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What waits behind each group of dead letters. ``bounded``: at least so many."""

    groups: dict[str, Behind]
    bounded: bool

    @property
    def all(self) -> Behind:
        """Behind all of them."""
        found = self.groups.values()
        return Behind(sum(one.waiting for one in found), sum(one.keys for one in found))


def held_back(by: str = "error") -> HeldBack:
    """What waits, by the group of the letter that holds it back; one query."""
    value, join = _VALUES[by]
    column = value if "." in value else f"d.{value}"
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND.format(value=column, join=join), [_LOOKED_AT])
        rows = cursor.fetchall()
    bounded = any(row[3] >= _LOOKED_AT for row in rows)
    return HeldBack({row[0]: Behind(int(row[1]), row[2]) for row in rows}, bounded)


def behind(letters: Sequence[Delivery | Due]) -> dict[tuple[int, str], int]:
    """How many deliveries wait behind each of a page of letters, by their keys; one query."""
    wanted = Q()
    for letter in letters:
        wanted |= Q(
            processor=letter.processor,
            slot=letter.slot,
            key=letter.key,
            event_id__gt=letter.event_id,
        )
    if not letters:
        return {}
    unfinished = Q(state__among=UNFINISHED)  # names the partial index
    rows = Due.objects.filter(wanted, unfinished, state=DeliveryState.PENDING).values_list(
        "processor", "key"
    )
    waiting: dict[tuple[str, str], int] = defaultdict(int)
    for one in rows[:_LOOKED_AT]:
        waiting[one] += 1
    return {letter.pk: waiting[letter.processor, letter.key] for letter in letters}
