"""Counts of what happened when, by the database, over a bounded stretch of positions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count

from flowdeck.dashboard.shared.clockwork import Bin, Seconds
from flowdeck.log.positions import SLACK, first_since
from flowdeck.models import Attempt, Delivery, Event

COUNTED = 20_000
"""Newest rows looked at; a longer window says that its beginning is not counted."""

_FAILURES = 2_000
_LATE = 5_000  # older positions looked at for deliveries that took long

Counts = dict[tuple[str, int], int]


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
        return cls(
            since=since,
            until=until,
            step=step,
            low=max(low, high - COUNTED),
            high=high,
            cut=high - low > COUNTED,
        )

    def late(self) -> Stretch:
        """The same times for deliveries, which may be of older events."""
        return replace(self, low=max(1, self.low - _LATE))

    def events(self, by: str = "producer") -> Counts:
        """Events per producer (or ``by`` type) and bin; one query."""
        rows = (
            Event.objects.filter(
                position__gte=self.low,
                position__lt=self.high,
                recorded_at__gte=self.since,
                recorded_at__lt=self.until,
            )
            .annotate(bin=Bin("recorded_at", self.step))
            .values_list(by, "bin")
            .annotate(n=Count("position"))
            .order_by()
        )
        return {(name, bin): n for name, bin, n in rows}

    def deliveries(self) -> Counts:
        """Deliveries of those events that came to an end, per processor and bin; one query."""
        rows = (
            Delivery.objects.filter(
                event_id__gte=self.low,
                event_id__lt=self.high,
                finished_at__gte=self.since,
                finished_at__lt=self.until,
            )
            .annotate(bin=Bin("finished_at", self.step))
            .values_list("processor", "bin")
            .annotate(n=Count("*"))
            .order_by()
        )
        return {(name, bin): n for name, bin, n in rows}

    def failures(self) -> Counter[int]:
        """Failed attempts per bin, of the newest; one query."""
        moments = Attempt.objects.order_by("-id").values_list(Seconds("finished_at"), flat=True)
        since, until = self.since.timestamp(), self.until.timestamp()
        return Counter(int(at) // self.step for at in moments[:_FAILURES] if since <= at < until)
