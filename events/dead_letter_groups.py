"""Dead letters by what they have in common, and what people have said of them.

Three or four queries, whatever the number of letters: they read the partial index of dead letters.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, Min, Q

from events import audit
from events.dead_letters import Criteria
from events.models import Attempt, DeadLetterGroup, Delivery
from events.models.delivery import UNFINISHED

BY = {
    "error": "fingerprint", "processor": "processor", "type": "event__type",
    "stream": "event__stream",
}  # fmt: skip
"""What letters can be grouped by, and the column of each."""

MOST_GROUPS = 100
HOURS = 24
_LOOKED_AT = 20_000
_BEHIND = """
WITH dead AS MATERIALIZED (
  SELECT processor, key, min(position) AS position FROM (
    SELECT processor, key, position FROM events_delivery WHERE state = 'dead' LIMIT %s
  ) AS looked GROUP BY processor, key
), waiting AS MATERIALIZED (
  SELECT id, processor, key, position FROM events_delivery
  WHERE state IN ('pending', 'retrying') AND state = 'pending'
    AND processor IN (SELECT DISTINCT processor FROM dead)
  LIMIT %s
), held AS MATERIALIZED (
  SELECT waiting.id, waiting.key FROM dead JOIN waiting
    ON waiting.processor = dead.processor AND waiting.key = dead.key
    AND waiting.position > dead.position
)
SELECT (SELECT count(*) FROM held), (SELECT count(DISTINCT key) FROM held),
  (SELECT count(*) FROM waiting)
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters with the same ``value``; ``sample`` is the last failed attempt of the newest."""

    by: str
    value: str
    count: int
    first_at: datetime | None
    last_at: datetime | None
    came_back: int
    processors: int
    newest: int
    sample: Attempt | None
    status: DeadLetterGroup | None
    per_hour: tuple[int, ...]

    @property
    def title(self) -> str:
        """What a person calls it."""
        if self.by != "error":
            return self.value
        return self.sample.error if self.sample else "Unknown error"

    @property
    def criteria(self) -> Criteria:
        """What chooses its letters."""
        name = "fingerprint" if self.by == "error" else self.by
        return Criteria.parse({name: self.value})

    @property
    def bars(self) -> list[tuple[int, int, int]]:
        """The last 24 hours as bars of 4 by at most 24: x, y, height."""
        most = max(self.per_hour, default=0) or 1
        heights = [round(n / most * 22) + 2 if n else 0 for n in self.per_hour]
        return [(4 * n, 24 - height, height) for n, height in enumerate(heights) if height]

    @property
    def processor(self) -> str:
        """The processor of the newest letter."""
        return self.sample.delivery.processor if self.sample else ""

    @property
    def on_hold(self) -> bool:
        """Whether somebody has put it off until later than now."""
        row = self.status
        held = row is not None and row.status == DeadLetterGroup.Status.ON_HOLD
        return bool(held and row and (row.until is None or row.until > datetime.now(UTC)))


def groups(by: str = "error", criteria: Criteria | None = None) -> list[Group]:
    """The largest groups first, 100 at most. Raises KeyError if letters are not grouped so."""
    column = BY[by]
    letters = (criteria or Criteria()).letters().order_by()
    rows = list(
        letters.values(column).annotate(
            count=Count("id"), first_at=Min("finished_at"), last_at=Max("finished_at"),
            newest=Max("id"), came_back=Count("id", filter=Q(retried__gt=0)),
            processors=Count("processor", distinct=True),
        ).order_by("-count", column)[:MOST_GROUPS]
    )  # fmt: skip
    samples = _samples([row["newest"] for row in rows])
    named = [row[column] for row in rows] if by == "error" else []
    statuses = DeadLetterGroup.objects.in_bulk(named)
    hours = _per_hour(letters, column)
    return [_group(by, column, row, samples, statuses, hours) for row in rows]


def _group(
    by: str, column: str, row: dict[str, Any], samples: dict[int, Attempt],
    statuses: dict[str, DeadLetterGroup], hours: dict[str, list[int]],
) -> Group:  # fmt: skip
    value = row[column]
    return Group(
        by, value, row["count"], row["first_at"], row["last_at"], row["came_back"],
        row["processors"], row["newest"], samples.get(row["newest"]), statuses.get(value),
        tuple(hours.get(value, [0] * HOURS)),
    )  # fmt: skip


def _samples(deliveries: list[int]) -> dict[int, Attempt]:
    found = Attempt.objects.filter(delivery_id__in=deliveries).select_related("delivery")
    return {row.delivery_id: row for row in found.order_by("number", "id").defer("traceback")}


def _per_hour(letters: Any, column: str) -> dict[str, list[int]]:
    """How many died in each of the last 24 hours, of the newest 20,000."""
    now = datetime.now(UTC)
    newest = letters.filter(finished_at__gt=now - timedelta(hours=HOURS)).order_by("-id")
    found: dict[str, list[int]] = defaultdict(lambda: [0] * HOURS)
    for value, at in newest.values_list(column, "finished_at")[:_LOOKED_AT]:
        hour = HOURS - 1 - int((now - at).total_seconds() // 3600)
        found[value][max(0, min(HOURS - 1, hour))] += 1
    return found


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all dead letters: how many, the oldest, and what waits behind them (at least)."""

    letters: int
    oldest_at: datetime | None
    keys: int
    waiting: int
    bounded: bool


def totals(criteria: Criteria | None = None) -> Totals:
    """Figures above the groups; two queries."""
    letters = (criteria or Criteria()).letters().order_by()
    figures = letters.aggregate(n=Count("id"), oldest=Min("finished_at"))
    with connection.cursor() as cursor:
        cursor.execute(_BEHIND, [_LOOKED_AT, _LOOKED_AT])
        waiting, keys, looked = cursor.fetchone()
    return Totals(figures["n"], figures["oldest"], keys, waiting, looked >= _LOOKED_AT)


def set_status(
    fingerprint: str, status: str, *, by: str, note: str = "", hours: int | None = None
) -> None:
    """Say what is being done about a group. ``hours``: how long it is put off.

    Raises ValueError if there is no such status.
    """
    chosen = DeadLetterGroup.Status(status)
    until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
    with transaction.atomic():
        DeadLetterGroup.objects.update_or_create(
            fingerprint=fingerprint[:32],
            defaults={"status": chosen, "by": by, "note": note[:300], "until": until},
        )
        audit.record(str(chosen), by=by, target=f"group {fingerprint}", reason=note, count=1)


def behind(letters: list[Delivery]) -> dict[int, int]:
    """How many deliveries wait behind each of a page of letters; one query."""
    wanted = Q()
    for letter in letters:
        wanted |= Q(
            processor=letter.processor, slot=letter.slot, key=letter.key,
            event_id__gt=letter.event_id,
        )  # fmt: skip
    if not letters:
        return {}
    unfinished = Q(state__among=UNFINISHED)  # names the partial index
    rows = Delivery.objects.filter(wanted, unfinished, state="pending").values_list(
        "processor", "key"
    )
    waiting: dict[tuple[str, str], int] = defaultdict(int)
    for one in rows[:_LOOKED_AT]:
        waiting[one] += 1
    return {letter.pk: waiting[letter.processor, letter.key] for letter in letters}
