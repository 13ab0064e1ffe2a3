"""The ledger: what an outlet of deliveries does, a stretch of the log at a time.

Lease -> up to where the log is settled -> the deliveries that are over -> files -> one UPDATE of
the position. What was still under way then, or is given again, is found by when it finished, and
replaces its row. Whoever dies in between has the next one write the same again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from flowdeck import clock
from flowdeck.connect import brokers, lease, relay
from flowdeck.connect.lease import Lease
from flowdeck.connect.messages import DeliveryFiles, Row
from flowdeck.connect.outlets import Outlet
from flowdeck.declare.states import DeliveryState
from flowdeck.log.horizon import horizon
from flowdeck.log.positions import newest_position
from flowdeck.models import (
    Attempt,
    AuditedDelivery,
    AuditEntry,
    Connector,
    Delivery,
    Done,
    Due,
)
from flowdeck.sql.parts import chunked

LATE = timedelta(minutes=1)
"""Longest time between what a delivery says of its end, and that others see it."""
_STRETCH = 5_000
_CHUNK = 500
_PATIENCE = 0.2
_OVER = (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.DISCARDED)
_FIELDS = {
    "position": "event_id",
    "processor": "processor",
    "event_id": "event__id",
    "type": "event__type",
    "stream": "event__stream",
    "correlation_id": "event__correlation_id",
    "state": "state",
    "attempts": "attempts",
    "retried": "retried",
    "recorded_at": "event__recorded_at",
    "started_at": "started_at",
    "finished_at": "finished_at",
}


def run(outlet: Outlet, stopping: threading.Event) -> bool:
    """Write deliveries as they finish until told to stop; False if somebody else has the lease.

    Returns as well when it is paused or loses the lease. Raises the database's errors.
    """
    relay.create(outlet)
    return lease.followed(outlet.name, lambda taken: Ledger(outlet, taken, patient=True), stopping)


def run_once(outlet: Outlet) -> int:
    """Write what is over by now; how many rows. 0 if somebody else has the lease.

    Raises BrokerAway.
    """
    relay.create(outlet)
    return lease.worked_off(outlet.name, lambda taken: Ledger(outlet, taken))


class Ledger:
    """An outlet of deliveries under way, by whoever has its lease.

    ``moved`` counts the rows that were written. A ``patient`` one waits for more, as long as the
    address says.
    """

    longest_pause = 0.25

    def __init__(self, outlet: Outlet, taken: Lease, *, patient: bool = False) -> None:
        self._outlet, self._lease, self._patient = outlet, taken, patient
        self._files: DeliveryFiles | None = None
        self._run: tuple[datetime, datetime, int] | None = None  # began, looks back from, and where
        self._due_at = 0.0
        self.moved = 0

    def step(self) -> bool:
        """Write the next stretch, and at the end what finished late; whether there is more at once.

        Raises BrokerAway or LeaseLost.
        """
        self._lease.secure()
        if time.monotonic() < self._due_at:
            return False
        if self._files is None:
            self._files = brokers.delivery_files(self._outlet.broker, self._outlet.to)
        after = self._lease.position
        self._run = self._run or self._begun(after)
        upto = min(horizon(after, _PATIENCE).position, after + _STRETCH)
        if upto > after:
            self._write(self._files, Q(event_id__gt=after, event_id__lte=upto), upto)
            if upto < newest_position():
                return True
        self._look_back(self._files, *self._run)
        self._run = None
        if self._patient:
            self._due_at = time.monotonic() + self._files.every
        return False

    def close(self) -> None:
        """Nothing is open between two steps."""

    def _begun(self, position: int) -> tuple[datetime, datetime, int]:
        """From when on it has to look back later, which is noted before the first is read."""
        now = clock.now()
        looked_at = Connector.objects.get(pk=self._outlet.name).looked_at
        if looked_at is None:
            self._lease.note_looked(now)
        return now, looked_at or now, position

    def _look_back(
        self, files: DeliveryFiles, began: datetime, looked_at: datetime, upto: int
    ) -> None:
        """Write what finished, since the run before this one began, of events it had passed."""
        for chosen in _late(looked_at - LATE, upto):
            self._write(files, chosen, self._lease.position)
        self._lease.note_looked(began)

    def _write(self, files: DeliveryFiles, chosen: Q, upto: int) -> None:
        rows = _rows(self._outlet, chosen)
        self._lease.secure()
        files.merge(rows)
        self._lease.keep(upto, len(rows))
        self.moved += len(rows)


def _rows(outlet: Outlet, chosen: Q) -> list[Row]:
    """The deliveries that are over, by position, with the last error of those that had any."""
    found = Delivery.objects.filter(chosen, state__in=_OVER)
    if outlet.types:
        found = found.filter(event__type__in=outlet.types)
    if outlet.streams:
        found = found.filter(event__stream__startswith=outlet.streams)
    rows = [
        dict(zip(_FIELDS, one, strict=True))
        for one in found.order_by("event_id", "processor").values_list(*_FIELDS.values())
    ]
    failed = {row["position"] for row in rows if row["attempts"] > 1 or row["state"] != "done"}
    errors = _errors(sorted(failed))
    for row in rows:
        row |= {
            "event_id": str(row["event_id"]),
            "correlation_id": str(row["correlation_id"]),
            "error": errors.get((row["position"], row["processor"])),
        }
    return rows


def _errors(positions: list[int]) -> dict[tuple[int, str], str]:
    found = dict[tuple[int, str], str]()
    for some in chunked(positions, _CHUNK):
        attempts = Attempt.objects.filter(event_id__in=some).order_by("number")
        for position, processor, error in attempts.values_list("event_id", "processor", "error"):
            found[position, processor] = error
    return found


def _late(since: datetime, upto: int) -> Iterator[Q]:
    """Conditions for what ended or was dealt with since then, of events up to a position."""
    told = AuditedDelivery.objects.filter(entry__in=AuditEntry.objects.filter(at__gt=since))
    ended: list[QuerySet[Any, tuple[int]]] = [
        Done.objects.filter(finished_at__gt=since, event_id__lte=upto).values_list("event_id"),
        Due.objects.filter(
            state__among=[DeliveryState.DEAD], finished_at__gt=since, event_id__lte=upto
        ).values_list("event_id"),
        told.filter(position__lte=upto).values_list("position"),
    ]
    positions = sorted({position for rows in ended for (position,) in rows.distinct()})
    for some in chunked(positions, _CHUNK):
        yield Q(event_id__in=some)
