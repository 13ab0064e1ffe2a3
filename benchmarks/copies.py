"""Recorded traces, and what copies of them are: under new ids and names, at other times."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from flowdeck.declare.states import DeliveryState
from flowdeck.models import Delivery, Event

_TRACES = 300  # recorded traces that are copied
_TROUBLED = 20  # a trace with unfinished or dead deliveries is copied in one of so many rounds
_LONGEST = timedelta(minutes=5)  # a trace that took longer is shortened to it
_LOW = (1 << 80) - 1


@dataclass(slots=True)
class Original:
    """A recorded event with its deliveries, and how long after the trace's beginning it came."""

    row: Event
    sequence: int
    offset: timedelta
    deliveries: list[Delivery]
    data: str
    metadata: str


@dataclass(frozen=True, slots=True)
class Copy:
    """One event to write: ``number`` is that of the copied trace, ``began`` when it begins."""

    at: datetime
    number: int
    began: datetime
    original: Original

    def __lt__(self, other: Copy) -> bool:
        return (self.at, self.number) < (other.at, other.number)

    def id(self, original: UUID) -> UUID:
        """The same for every mention of it in one copy, and in order of time as a UUID 7 is."""
        milliseconds = int(self.began.timestamp() * 1000)
        return UUID(int=milliseconds << 80 | (original.int & _LOW) ^ self.number)

    def named(self, name: str) -> str:
        """The name that a stream or key has in it."""
        return f"{name[:180]}.{self.number}"

    @property
    def metadata(self) -> str:
        """That of the event, with its further causes in the same copy."""
        text = self.original.metadata
        for cause in self.original.row.metadata.get("also_caused_by", ()):
            text = text.replace(cause, str(self.id(UUID(cause))))
        return text


def recorded() -> list[list[Original]]:
    """The newest traces, each in order."""
    names = Event.objects.filter(causation_id=None).order_by("-position")
    wanted = set(names.values_list("correlation_id", flat=True)[:_TRACES])
    rows = list(Event.objects.filter(correlation_id__in=wanted).order_by("position"))
    deliveries: dict[int, list[Delivery]] = defaultdict(list)
    for delivery in Delivery.objects.filter(event_id__in=[row.position for row in rows]):
        deliveries[delivery.event_id].append(delivery)
    traces: dict[UUID, list[Original]] = defaultdict(list)
    lengths = Counter[tuple[UUID, str]]()
    for row in rows:
        lengths[row.correlation_id, row.stream] += 1
        trace = traces[row.correlation_id]
        passed = row.recorded_at - trace[0].row.recorded_at if trace else timedelta()
        sequence = lengths[row.correlation_id, row.stream]
        data, metadata = json.dumps(row.data), json.dumps(row.metadata)
        own = deliveries[row.position]
        trace.append(
            Original(
                row=row,
                sequence=sequence,
                offset=min(passed, _LONGEST),
                deliveries=own,
                data=data,
                metadata=metadata,
            )
        )
    return list(traces.values())


def copies_of(
    traces: list[list[Original]], wanted: int, now: datetime, span: timedelta
) -> list[Copy]:
    """What to write, in order of time."""
    chosen = _rounds(traces, wanted)
    step = span / len(chosen)
    found = []
    for number, trace in enumerate(chosen):
        began = now - span + step * number
        found += [Copy(min(now, began + one.offset), number, began, one) for one in trace]
    found.sort()
    return found


def _rounds(traces: list[list[Original]], wanted: int) -> list[list[Original]]:
    troubled = {id(trace) for trace in traces if _in_trouble(trace)}
    chosen: list[list[Original]] = []
    length = number = 0
    while length < wanted:
        for trace in traces:
            if length < wanted and (id(trace) not in troubled or number % _TROUBLED == 0):
                chosen.append(trace)
                length += len(trace)
        number += 1
    return chosen


def _in_trouble(trace: list[Original]) -> bool:
    return any(d.state != DeliveryState.DONE for one in trace for d in one.deliveries)


def moved(moment: datetime | None, since: datetime, to: datetime) -> datetime | None:
    """A time of an original that began ``since``, in a copy that begins ``to``."""
    return to + min(max(moment - since, timedelta()), _LONGEST) if moment is not None else None
