"""How much happened when, counted by the database over a bounded stretch of positions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, IntegerField
from django.db.models.expressions import Func

from events.models import Attempt, Delivery, Event
from events.positions import SLACK, first_since

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
        template = "unixepoch(%(expressions)s) / %(step)s"
        return self.as_sql(compiler, connection, template=template, **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As PostgreSQL says it."""
        template = "CAST(floor(extract(epoch FROM %(expressions)s) / %(step)s) AS bigint)"
        return self.as_sql(compiler, connection, template=template, **extra)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The times to count, the positions they lie in, and how many seconds make a bin.

    ``cut``: there is more in these times than is counted, the older part
    """

    since: datetime
    until: datetime
    step: int
    low: int
    high: int
    cut: bool

    @classmethod
    def of(cls, since: datetime, until: datetime, step: int) -> Stretch:
        """At most ``COUNTED`` positions, the newest of those times; two queries."""
        low, high = first_since(since - SLACK), first_since(until + SLACK)
        return cls(since, until, step, max(low, high - COUNTED), high, high - low > COUNTED)

    def events(self, by: str = "producer") -> Counts:
        """Events per producer (or ``by`` type) and bin; one query."""
        rows = (
            Event.objects.filter(
                position__gte=self.low, position__lt=self.high,
                recorded_at__gte=self.since, recorded_at__lt=self.until,
            )
            .annotate(bin=Bin("recorded_at", self.step))
            .values_list(by, "bin")
            .annotate(n=Count("position"))
            .order_by()
        )  # fmt: skip
        return {(name, bin): n for name, bin, n in rows}

    def deliveries(self) -> Counts:
        """Deliveries of those events that came to an end, per processor and bin; one query."""
        rows = (
            Delivery.objects.filter(
                event_id__gte=self.low, event_id__lt=self.high,
                finished_at__gte=self.since, finished_at__lt=self.until,
            )
            .annotate(bin=Bin("finished_at", self.step))
            .values_list("processor", "bin")
            .annotate(n=Count("id"))
            .order_by()
        )  # fmt: skip
        return {(name, bin): n for name, bin, n in rows}

    def failures(self) -> Counter[int]:
        """Failed attempts per bin, of the newest; one query."""
        newest = Attempt.objects.order_by("-id").values_list("finished_at", flat=True)[:_FAILURES]
        return Counter(
            int(at.timestamp()) // self.step for at in newest if self.since <= at < self.until
        )
