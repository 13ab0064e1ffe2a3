"""PostgreSQL: ``done`` is divided by ranges of positions, each a table of its own.

So its indexes stay small, what is old is vacuumed once, and can be dropped as a whole. Rows that no
partition takes are refused; nobody has lost anything then, and the partition is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from django.db.backends.utils import CursorWrapper

from flowdeck.errors import PartitionMissing

SIZE = 5_000_000  # positions
_AHEAD = 2
_CHECK_VIOLATION = "23514"


def make_partitions(cursor: CursorWrapper, positions: Iterable[int]) -> None:
    """See Dialect."""
    numbers = {position // SIZE for position in positions}
    firsts = sorted(number * SIZE for number in numbers)
    cursor.execute("SELECT flowdeck_partition(%s::bigint[], %s)", [firsts, SIZE])


def removable(upto: int) -> int:
    """See Dialect. Only whole partitions are."""
    return max(0, (upto + 1) // SIZE * SIZE - 1)


def remove_done(cursor: CursorWrapper, upto: int) -> bool:
    """See Dialect."""
    cursor.execute("SELECT flowdeck_drop_partitions(%s::bigint, %s)", [upto, SIZE])
    return False


def partitions_ahead(newest: int) -> list[int]:
    """See Dialect."""
    return [newest + number * SIZE for number in range(_AHEAD + 1)]


@contextmanager
def raising_partition_missing(positions: Iterable[int]) -> Iterator[None]:
    """Raise PartitionMissing in the block where PostgreSQL has no partition for a row."""
    try:
        yield
    except IntegrityError as error:
        cause = error.__cause__
        told = getattr(cause, "diag", None)
        if getattr(cause, "sqlstate", None) != _CHECK_VIOLATION or told is None:
            raise
        if told.table_name != "flowdeck_done" or told.constraint_name:
            raise
        raise PartitionMissing(list(positions)) from cause
