"""Groups of dead letters by what they have in common, and what people have said of them.

A constant number of queries, whatever the number of letters: they read partial indexes of the dead.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q
from django.db.models.functions import TruncHour

from flowdeck import clock
from flowdeck.database import transaction
from flowdeck.declare.states import UNFINISHED, DeliveryState
from flowdeck.letters.dead_letters import Criteria, last_attempts
from flowdeck.models import Attempt, DeadLetterGroup, Due
from flowdeck.people import audit

BY = {
    "error": "fingerprint",
    "processor": "processor",
    "type": "event__type",
    "stream": "event__stream",
}
"""What letters can be grouped by, and the column of each."""

MOST_GROUPS = 100
HOURS = 24
_RESOLVED_FOR = timedelta(hours=24)
_RESOLVED = 5
_ACKNOWLEDGED, _ON_HOLD = DeadLetterGroup.Status.ACKNOWLEDGED, DeadLetterGroup.Status.ON_HOLD


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters with the same ``value``; ``sample`` is the last failed attempt of the newest.

    ``keys`` is how many keys they are of (None: not counted for this grouping), ``came_back_at``
    when one of them failed again after a retry last.
    """

    by: str
    value: str
    count: int
    first_at: datetime | None
    last_at: datetime | None
    came_back: int
    came_back_at: datetime | None
    keys: int | None
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
    def processor(self) -> str:
        """The processor of the newest letter."""
        return self.sample.processor if self.sample else ""

    @property
    def standing(self) -> str:
        """What is being done about it now: ``open``, ``acknowledged`` or ``on hold``.

        A hold ends with its time. A failure that came back after what was said opens it again.
        """
        row = self.status
        if row is None or self.reopened:
            return "open"
        over = row.until is not None and row.until <= clock.now()
        return "open" if row.status == _ON_HOLD and over else str(row.status)

    @property
    def reopened(self) -> bool:
        """Whether it was put aside, and a retry failed again since then."""
        row, back = self.status, self.came_back_at
        aside = row is not None and row.status in (_ACKNOWLEDGED, _ON_HOLD)
        return bool(aside and row and back and back > row.updated_at)

    @property
    def on_hold(self) -> bool:
        """Whether somebody has put it off until later than now."""
        return self.standing == "on hold"


def groups(by: str = "error", criteria: Criteria | None = None) -> list[Group]:
    """The largest groups first, 100 at most. Raises KeyError if letters are not grouped so."""
    column = BY[by]
    letters = (criteria or Criteria()).letters().order_by()
    back = Q(retried__gt=0)
    figures = {
        "count": Count("*"),
        "first_at": Min("finished_at"),
        "last_at": Max("finished_at"),
        "newest": Max("letter"),
        "came_back": Count("processor", filter=back),
        "came_back_at": Max("finished_at", filter=back),
    }
    if by in ("error", "processor"):  # their indexes hold the keys in order
        figures["keys"] = Count("key", distinct=True)
    grouped = letters.values(column).annotate(**figures)
    rows = list(grouped.order_by("-count", column)[:MOST_GROUPS])
    samples = last_attempts([row["newest"] for row in rows])
    named = [row[column] for row in rows] if by == "error" else []
    statuses = DeadLetterGroup.objects.in_bulk(named)
    hours = _per_hour(letters, column, [row[column] for row in rows])
    return [
        _group(by=by, column=column, row=row, samples=samples, statuses=statuses, hours=hours)
        for row in rows
    ]


def _group(
    by: str,
    column: str,
    row: dict[str, Any],
    samples: dict[int, Attempt],
    statuses: dict[str, DeadLetterGroup],
    hours: dict[str, list[int]],
) -> Group:
    value = row[column]
    return Group(
        by=by,
        value=value,
        count=row["count"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        came_back=row["came_back"],
        came_back_at=row["came_back_at"],
        keys=row.get("keys"),
        newest=row["newest"],
        sample=samples.get(row["newest"]),
        status=statuses.get(value),
        per_hour=tuple(hours.get(value, [0] * HOURS)),
    )


def _per_hour(letters: Any, column: str, values: list[str]) -> dict[str, list[int]]:
    """How many died in each of the last 24 hours, by the clock."""
    this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
    since = this_hour - timedelta(hours=HOURS - 1)
    counted = (
        letters.filter(finished_at__gte=since, **{f"{column}__in": values})
        .annotate(hour=TruncHour("finished_at", tzinfo=UTC))
        .values_list(column, "hour")
        .annotate(n=Count("*"))
    )
    found: dict[str, list[int]] = defaultdict(lambda: [0] * HOURS)
    for value, at, number in counted:
        hour = int((at - since).total_seconds() // 3600)
        found[value][max(0, min(HOURS - 1, hour))] += number
    return found


@dataclass(frozen=True, slots=True)
class Totals:
    """Of all dead letters that fit: how many, and since when the oldest is dead."""

    letters: int
    oldest_at: datetime | None


def totals(criteria: Criteria | None = None) -> Totals:
    """Figures above the groups; one query."""
    letters = (criteria or Criteria()).letters().order_by()
    figures = letters.aggregate(n=Count("*"), oldest=Min("finished_at"))
    return Totals(figures["n"], figures["oldest"])


def resolved_lately() -> list[DeadLetterGroup]:
    """Groups of which nothing is dead or under way any more since somebody retried them."""
    recent = DeadLetterGroup.objects.filter(retried_at__gt=clock.now() - _RESOLVED_FOR)
    rows = list(recent.order_by("-retried_at")[: 4 * _RESOLVED])
    named = [row.fingerprint for row in rows]
    dead = Due.objects.filter(state=DeliveryState.DEAD, fingerprint__in=named)
    again = Due.objects.filter(Q(state__among=UNFINISHED), retried__gt=0, fingerprint__in=named)
    left = {*_fingerprints(dead), *_fingerprints(again)}
    return [row for row in rows if row.fingerprint not in left][:_RESOLVED]


def _fingerprints(letters: Any) -> list[str]:
    return list(letters.order_by().values_list("fingerprint", flat=True).distinct())


def set_status(
    fingerprint: str, status: str, *, by: str, note: str = "", hours: int | None = None
) -> None:
    """Say what is being done about a group. ``hours``: how long it is put off.

    Raises ValueError if there is no such status.
    """
    chosen = DeadLetterGroup.Status(status)
    until = clock.now() + timedelta(hours=hours) if hours else None
    with transaction.atomic():
        DeadLetterGroup.objects.update_or_create(
            fingerprint=fingerprint[:32],
            defaults={"status": chosen, "by": by, "note": note[:300], "until": until},
        )
        audit.record(str(chosen), by=by, target=f"group {fingerprint}", reason=note, count=1)
