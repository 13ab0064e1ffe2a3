"""Deliveries in Parquet files: how it went with each, by the day and position of its event.

A file holds a range of positions, and no two files of a day overlap. So which file a delivery is in
follows from its event alone: what is written again, or finished later than its neighbours, replaces
its row there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow
import pyarrow.parquet
from django.core.exceptions import ImproperlyConfigured

from flowdeck.connect.brokers import Address, parquet
from flowdeck.connect.messages import Row

_SCHEMA = pyarrow.schema(
    [
        ("position", pyarrow.int64()),
        ("processor", pyarrow.string()),
        ("event_id", pyarrow.string()),
        ("type", pyarrow.string()),
        ("stream", pyarrow.string()),
        ("correlation_id", pyarrow.string()),
        ("state", pyarrow.string()),
        ("attempts", pyarrow.int32()),
        ("retried", pyarrow.int32()),
        ("recorded_at", parquet.TIME),
        ("started_at", parquet.TIME),
        ("finished_at", parquet.TIME),
        ("error", pyarrow.string()),
    ]
)


class Files:
    """The files of one folder below that of an address. Belongs to whoever has the lease."""

    def __init__(self, address: Address, to: str) -> None:
        root = parquet.root_of(address)
        self._address, self._folder = address, (root / to).resolve()
        self.every = parquet.every(address)
        if not self._folder.is_relative_to(root):
            raise ImproperlyConfigured(f"{to!r} is no folder below {root}.")

    def merge(self, rows: Sequence[Row]) -> None:
        """Write rows, each in place of an older one of its delivery. Raises BrokerAway."""
        days = defaultdict[str, list[Row]](list)
        for row in rows:
            days[f"day={row['recorded_at']:%Y-%m-%d}"].append(row)
        try:
            for day, some in days.items():
                folder = self._folder / day
                folder.mkdir(parents=True, exist_ok=True)
                for file, belonging in _by_file(folder, some):
                    _merge(file, belonging)
                parquet.sync(folder)
        except OSError as error:
            raise parquet.away(self._address, error) from error


def _by_file(folder: Path, rows: Sequence[Row]) -> Iterator[tuple[Path, list[Row]]]:
    """The rows by the file that has their position, or that fits between two that are there."""
    ranges = sorted(_ranges(folder))
    lasts = [last for _, last in ranges]
    inside, between = defaultdict[int, list[Row]](list), defaultdict[int, list[Row]](list)
    for row in rows:
        place = bisect_left(lasts, row["position"])
        covered = place < len(ranges) and ranges[place][0] <= row["position"]
        (inside if covered else between)[place].append(row)
    for place, some in inside.items():
        yield parquet.named(folder, *ranges[place]), some
    for some in between.values():
        positions = [row["position"] for row in some]
        yield parquet.named(folder, min(positions), max(positions)), some


def _ranges(folder: Path) -> Iterator[tuple[int, int]]:
    for file in folder.iterdir():
        if file.suffix == parquet.UNFINISHED:
            file.unlink()  # of somebody who died
        elif found := parquet.FILE.fullmatch(file.name):
            yield int(found[1]), int(found[2])


def _merge(file: Path, rows: Sequence[Row]) -> None:
    known = dict[tuple[int, str], Row]()
    if file.exists():
        kept = pyarrow.parquet.read_table(file, partitioning=None).to_pylist()
        known = {(row["position"], row["processor"]): row for row in kept}
    merged = known | {(row["position"], row["processor"]): row for row in rows}
    if merged != known:
        ordered = [merged[key] for key in sorted(merged)]
        parquet.put(file, pyarrow.Table.from_pylist(ordered, _SCHEMA))
