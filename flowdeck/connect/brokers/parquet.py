"""Parquet files in a folder, for questions over years: ``parquet:///var/lake?every=300``.

``to`` is a folder below it; in that a file for each batch lies below the day on which its events
were recorded (UTC), named after its first and last position:
``events/day=2026-11-30/00000000000000120001-00000000000000121000.parquet``. It is written under
another name, synced to disk and renamed, so whoever reads sees all of it or nothing. What is sent
again, after a crash or a rewind, is taken out of the files that had it: each event is in one file.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow
import pyarrow.parquet
from django.core.exceptions import ImproperlyConfigured

from flowdeck.connect.brokers import Address
from flowdeck.connect.messages import DeliveryFiles, Outgoing, Receiver, Refusal
from flowdeck.errors import BrokerAway

FILE = re.compile(r"(\d{20})-(\d{20})\.parquet")
UNFINISHED = ".unfinished"
_EVERY = 300  # seconds; a file should hold thousands of events
_LARGEST = 16 * 1024 * 1024
TIME = pyarrow.timestamp("us", tz="UTC")
_SCHEMA = pyarrow.schema(
    [
        ("position", pyarrow.int64()),
        ("id", pyarrow.string()),
        ("type", pyarrow.string()),
        ("version", pyarrow.int32()),
        ("stream", pyarrow.string()),
        ("sequence", pyarrow.int64()),
        ("key", pyarrow.string()),
        ("producer", pyarrow.string()),
        ("correlation_id", pyarrow.string()),
        ("causation_id", pyarrow.string()),
        ("occurred_at", TIME),
        ("recorded_at", TIME),
        ("data", pyarrow.string()),
    ]
)


def open_sender(address: Address) -> ParquetSender:
    """Make the folder, unless it is there. Raises BrokerAway."""
    return ParquetSender(address)


def open_receiver(
    address: Address, source: str, group: str, offsets: Mapping[str, str]
) -> Receiver:
    """Refused: nothing is read from files. Raises ImproperlyConfigured."""
    raise ImproperlyConfigured(
        f"FLOWDECK['BROKERS'][{address.name!r}] are files: an inlet can't read them."
    )


def open_deliveries(address: Address, to: str) -> DeliveryFiles:
    """The files of deliveries in a folder. Raises BrokerAway, or ImproperlyConfigured."""
    from flowdeck.connect.brokers.parquet_deliveries import Files

    return Files(address, to)


class ParquetSender:
    """Writes a file for each folder and day of a batch."""

    most = 50_000

    def __init__(self, address: Address) -> None:
        self._address = address
        self._root = root_of(address)
        self.every = every(address)
        self.largest = address.number("largest", _LARGEST)

    def send(self, batch: Sequence[Outgoing]) -> list[Refusal]:
        """See Sender. ``to`` names a folder below that of the address."""
        refusals, files = list[Refusal](), defaultdict[Path, list[Outgoing]](list)
        for at, one in enumerate(batch):
            folder = (self._root / one.to).resolve()
            if folder.is_relative_to(self._root):
                files[folder / f"day={_day(one)}"].append(one)
            else:
                said = f"{one.to!r} is no folder below that of the broker."
                refusals.append(Refusal(at, "OutsideOfTheFolder", said))
        try:
            for folder, some in files.items():
                folder.mkdir(parents=True, exist_ok=True)
                written = write(folder, pyarrow.Table.from_pylist([*map(_row, some)], _SCHEMA))
                _take_out({_position(one) for one in some}, written)
                sync(folder)
        except OSError as error:
            raise away(self._address, error) from error
        return refusals

    def close(self) -> None:
        """See Sender."""


def root_of(address: Address) -> Path:
    """The folder of an address, which is made unless it is there. Raises BrokerAway."""
    root = Path(unquote(address.path)).resolve()
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise away(address, error) from error
    return root


def every(address: Address) -> float:
    """How many seconds what is there waits for more."""
    return float(address.number("every", _EVERY))


def away(address: Address, error: OSError) -> BrokerAway:
    """What is said when a file can't be written or read."""
    return BrokerAway(f"{address.shown}: {error}")


def write(folder: Path, table: pyarrow.Table) -> Path:
    """The file of these rows, there in one step."""
    positions = table["position"].to_pylist()
    file = named(folder, min(positions), max(positions))
    put(file, table)
    return file


def named(folder: Path, first: int, last: int) -> Path:
    """The file of a range of positions."""
    return folder / f"{first:020}-{last:020}.parquet"


def put(file: Path, table: pyarrow.Table) -> None:
    """Write a file, or in place of one that is there; whoever reads sees the one or the other."""
    unfinished = file.with_suffix(UNFINISHED)
    pyarrow.parquet.write_table(table, unfinished, compression="zstd")
    sync(unfinished)
    os.replace(unfinished, file)


def _take_out(positions: set[int], written: Path) -> None:
    """These positions are in the file that was written, so they are in no other one."""
    first, last = min(positions), max(positions)
    for file in sorted(written.parent.iterdir()):
        if file.suffix == UNFINISHED:
            file.unlink()  # of somebody who died
        found = FILE.fullmatch(file.name)
        if found and file != written and int(found[1]) <= last and int(found[2]) >= first:
            _without(file, positions)


def _without(file: Path, positions: set[int]) -> None:
    table = pyarrow.parquet.read_table(file, partitioning=None)
    kept = [position not in positions for position in table["position"].to_pylist()]
    if all(kept):
        return
    if any(kept):
        write(file.parent, table.filter(pyarrow.array(kept)))
    file.unlink()


def sync(path: Path) -> None:
    """Let a file, or the names in a folder, reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _day(one: Outgoing) -> str:
    return str(one.attributes["recordedtime"])[:10]


def _position(one: Outgoing) -> int:
    return int(one.attributes["position"])


def _row(one: Outgoing) -> dict[str, Any]:
    given = one.attributes
    return {
        "position": _position(one),
        "id": one.id,
        "type": given["type"],
        "version": int(given["dataversion"]),
        "stream": given["subject"],
        "sequence": int(given["sequence"]),
        "key": one.key,
        "producer": given["producer"],
        "correlation_id": given["correlationid"],
        "causation_id": given.get("causationid"),
        "occurred_at": datetime.fromisoformat(str(given["time"])),
        "recorded_at": datetime.fromisoformat(str(given["recordedtime"])),
        "data": one.data,
    }
