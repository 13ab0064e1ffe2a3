"""Reading a file of CloudEvents into the log: whole or not at all, and once however often.

Ids, sequences, causes, times and the order of the file are kept; positions are those of this log.
An event that is here already with the same content is passed by. Anything that does not fit
refuses the whole file: another content under the same id, a sequence that does not follow, a cause
that is neither in the file before nor here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any
from uuid import UUID

from flowdeck.bells import bell
from flowdeck.conf import conf
from flowdeck.database import connection, transaction
from flowdeck.declare.event import StoredEvent
from flowdeck.declare.metadata import joined_causes
from flowdeck.declare.registry import registry, slot_of
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import ImportRefused
from flowdeck.history import tally
from flowdeck.log import corrections
from flowdeck.models import Event, ImportedRange, Stream
from flowdeck.privacy.sealing import readable, seal_payloads
from flowdeck.sql import dialect
from flowdeck.sql.parts import placeholders
from flowdeck.transfer.cloudevents import Imported, loaded

CHUNK = 1_000
_MOST_SHOWN = 20


@dataclass(slots=True)
class ImportReport:
    """What came of it: events written, and those that were here already."""

    written: int = 0
    known: int = 0


class _DryRun(Exception):
    """Takes back what was only tried."""


def import_events(file: IO[str], *, deliver: bool = False, dry_run: bool = False) -> ImportReport:
    """Append the events of ``file``, in one transaction, and keep where they lie.

    Their deliveries are done (their effects happened where they come from: read models are brought
    up to date by a rebuild), or pending with ``deliver``. Raises ImportRefused with up to 20
    reasons; then nothing was written.
    """
    work = _Import(deliver)
    try:
        with transaction.atomic():
            for lines in _chunked(_lines(file)):
                work.add(lines)
            if work.problems:
                raise ImportRefused("\n".join(work.problems))
            if dry_run:
                raise _DryRun
            work.note()
            if deliver:
                transaction.on_commit(lambda: bell.ring(work.touched))
    except _DryRun:
        pass
    return work.report


def _lines(file: IO[str]) -> Iterator[Imported]:
    longest = 4 * conf().MAX_PAYLOAD_BYTES + 16_384
    number = 0
    while line := _line(file, longest + 1, number):
        number += 1
        if len(line) > longest:
            raise ImportRefused(f"line {number}: is longer than {longest:,} characters")
        if line.strip():
            yield loaded(line, number)


def _line(file: IO[str], size: int, before: int) -> str:
    try:
        return file.readline(size)
    except UnicodeDecodeError as error:
        raise ImportRefused(f"after line {before}: is not text in UTF-8 ({error})") from error


def _chunked(lines: Iterable[Imported]) -> Iterator[list[Imported]]:
    chunk: list[Imported] = []
    for one in lines:
        chunk.append(one)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Import:
    """One import under way. Keeps problems and counts, not events."""

    def __init__(self, deliver: bool) -> None:
        self._state = DeliveryState.PENDING if deliver else DeliveryState.DONE
        self.report = ImportReport()
        self.problems: list[str] = []
        self.touched: set[str] = set()
        self._positions: list[int] = []  # the first and the last

    def note(self) -> None:
        """Keep where in the log they lie."""
        if self._positions:
            first, last = self._positions
            ImportedRange.objects.create(first_position=first, last_position=last)

    def add(self, lines: list[Imported]) -> None:
        """Check the next lines against the log, and write those that are new."""
        if len(self.problems) >= _MOST_SHOWN:
            return
        known = self._known(lines)
        fresh: dict[UUID, Imported] = {}
        for one in lines:
            stored = known.get(one.event.id)
            if one.masked:
                self._refuse(one, "its personal values are masked; export without masks")
            elif one.event.id in fresh:
                self._refuse(one, f"the id {one.event.id} is in the file twice")
            elif stored is None:
                fresh[one.event.id] = one
            elif same_content(stored, one.event):
                self.report.known += 1
            else:
                self._refuse(one, f"event {one.event.id} is here with another content")
        rows = list(fresh.values())
        self._check_causes(rows)
        self._check_sequences(rows)
        if rows and not self.problems:
            self._write([one.event for one in rows])
        self.report.written += len(rows)

    def _refuse(self, one: Imported, why: str) -> None:
        if len(self.problems) < _MOST_SHOWN:
            self.problems.append(f"line {one.line}: {why}")

    def _known(self, lines: list[Imported]) -> dict[UUID, StoredEvent]:
        ids = [one.event.id for one in lines]
        return {event.id: event for event in _select(f"WHERE id IN ({placeholders(ids)})", ids)}

    def _check_sequences(self, rows: list[Imported]) -> None:
        """Advance the heads; what is new has to follow them without a gap."""
        counts = Counter(one.event.stream for one in rows)
        for one in rows:
            counts.setdefault(one.event.key, 0)  # positions follow commits for each key, too
        heads = _advanced(counts)
        following = {stream: heads[stream] - count + 1 for stream, count in counts.items()}
        for one in rows:
            expected = following[one.event.stream]
            following[one.event.stream] += 1
            if one.event.sequence != expected:
                self._refuse(
                    one,
                    f"{one.event.stream} is at sequence {expected - 1} here, so {expected} follows "
                    f"and not {one.event.sequence}",
                )

    def _check_causes(self, rows: list[Imported]) -> None:
        """Each cause is here or in the file before, in the same correlation."""
        seen: dict[UUID, UUID] = {}
        wanted = {cause for one in rows for cause in _causes(one.event)}
        here = wanted - {one.event.id for one in rows}
        for event in _select(f"WHERE id IN ({placeholders(here)})", list(here)) if here else ():
            seen[event.id] = event.correlation_id
        for one in rows:
            for cause in _causes(one.event):
                if seen.get(cause) != one.event.correlation_id:
                    self._refuse(
                        one,
                        f"its cause {cause} is neither here nor in the file before it, in the "
                        f"correlation {one.event.correlation_id}",
                    )
            seen[one.event.id] = one.event.correlation_id

    def _write(self, events: list[StoredEvent]) -> None:
        payloads = seal_payloads([(event.type, event.payload) for event in events])
        Event.objects.bulk_create(
            Event(
                id=e.id,
                stream=e.stream,
                sequence=e.sequence,
                type=e.type,
                version=e.version,
                data=data,
                metadata=dict(e.metadata),
                key=e.key,
                correlation_id=e.correlation_id,
                causation_id=e.causation_id,
                producer=e.producer,
                occurred_at=e.occurred_at,
                recorded_at=e.recorded_at,
            )
            for e, data in zip(events, payloads, strict=True)
        )
        self._deliver(events)

    def _deliver(self, events: list[StoredEvent]) -> None:
        ids = [event.id for event in events]
        written = _select(f"WHERE id IN ({placeholders(ids)}) ORDER BY position", ids)
        positions = [event.position for event in written]
        corrections.note(written)
        self._positions = [min(self._positions + positions), max(self._positions + positions)]
        tally.tell_appended(positions)
        for processor in registry.processors.values():
            rows = [
                (event.position, event.key, slot_of(event.key))
                for event in written
                if processor.hears(event.type, event.stream)
            ]
            if rows:
                self.touched.add(processor.name)
                with connection.cursor() as cursor:
                    dialect().insert_deliveries(cursor, processor.name, rows, self._state)


def _advanced(counts: Counter[str]) -> dict[str, int]:
    """Advance the heads of streams, in order of name, and keep them locked; the new heads."""
    for name in sorted(counts):
        Stream.objects.get_or_create(name=name, defaults={"head": 0})
    rows = Stream.objects.select_for_update().filter(name__in=counts).order_by("name")
    found = list(rows)
    for row in found:
        row.head += counts[row.name]
    Stream.objects.bulk_update(found, ["head"], batch_size=500)
    return {row.name: row.head for row in found}


def same_content(stored: StoredEvent, given: StoredEvent) -> bool:
    """Whether two are the same event; sealed and plain personal values may be the same."""
    envelope = all(
        getattr(stored, name) == getattr(given, name)
        for name in (
            "stream",
            "sequence",
            "type",
            "version",
            "key",
            "correlation_id",
            "causation_id",
            "producer",
            "occurred_at",
            "recorded_at",
            "metadata",
        )
    )
    return envelope and (
        stored.payload == given.payload
        or readable(stored.type, stored.payload, None) == readable(given.type, given.payload, None)
    )


def _causes(event: StoredEvent) -> set[UUID]:
    others = set(joined_causes(event.metadata))
    return others if event.causation_id is None else {event.causation_id, *others}


def _select(where: str, ids: Sequence[UUID]) -> list[StoredEvent]:
    values: list[Any] = list(ids) if connection.vendor == "postgresql" else [i.hex for i in ids]
    with connection.cursor() as cursor:
        return dialect().select_events(cursor, where, values, as_written=True)
