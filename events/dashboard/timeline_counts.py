"""How much happened when, counted by the database over a bounded stretch of the newest rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField, Max
from django.db.models.expressions import Func

from events.models import Attempt, Delivery, Event

COUNTED = 20_000
"""Newest rows looked at; a longer window says that its beginning is not counted."""

_FAILURES = 2_000

Counts = dict[tuple[str, int], int]


class Bin(Func):
    """The number of the stretch of ``step`` seconds that a moment lies in."""

    output_field = IntegerField()

    def __init__(self, moment: str, step: int) -> None:
        super().__init__(moment, step=int(step))

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As SQLite says it."""
        template = "CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / %(step)s"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As PostgreSQL says it."""
        template = "CAST(floor(extract(epoch FROM %(expressions)s) / %(step)s) AS bigint)"
        return self.as_sql(compiler, connection, template=template, **extra)


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts by name and bin. ``cut``: older rows of the window were not looked at."""

    counts: Counts
    cut: bool = False

    @property
    def total(self) -> int:
        """All together."""
        return sum(self.counts.values())


def events_by_bin(since: datetime, until: datetime, step: int) -> Counted:
    """Events per producer and bin; three queries."""
    top = Event.objects.aggregate(top=Max("position"))["top"] or 0
    before = Event.objects.filter(position__lte=top - COUNTED).order_by("-position")
    edge = before.values_list("recorded_at", flat=True).first()
    rows = (
        Event.objects.filter(position__gt=top - COUNTED, recorded_at__range=(since, until))
        .annotate(bin=Bin("recorded_at", step))
        .values_list("producer", "bin")
        .annotate(n=Count("position"))
        .order_by()
    )
    return Counted({(name, bin): n for name, bin, n in rows}, edge is not None and edge >= since)


def deliveries_by_bin(since: datetime, until: datetime, step: int) -> Counts:
    """Deliveries that came to an end, per processor and bin; two queries."""
    top = Delivery.objects.aggregate(top=Max("id"))["top"] or 0
    rows = (
        Delivery.objects.filter(id__gt=top - COUNTED, finished_at__range=(since, until))
        .annotate(bin=Bin("finished_at", step))
        .values_list("processor", "bin")
        .annotate(n=Count("id"))
        .order_by()
    )
    return {(name, bin): n for name, bin, n in rows}


def failures_by_bin(since: datetime, until: datetime, step: int) -> Counter[int]:
    """Failed attempts per bin, of the newest; one query."""
    newest = Attempt.objects.order_by("-id").values_list("finished_at", flat=True)[:_FAILURES]
    return Counter(int(at.timestamp()) // step for at in newest if since <= at <= until)
