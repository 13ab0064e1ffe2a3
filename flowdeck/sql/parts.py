"""Parts that statements are put together from, and asking for their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import Any, TypeVar

from flowdeck.database import connection
from flowdeck.declare.registry import Processor

Item = TypeVar("Item")


def rows(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """What a statement gives, all of it at once."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def placeholders(values: Sized, each: str = "%s") -> str:
    """``%s, %s, ...``: as many as there are ``values``."""
    return ", ".join([each] * len(values))


def chunked(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """The items, so many at a time: a statement takes so many parameters."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def heard_by(processor: Processor, *types: str) -> tuple[str, list[Any]]:
    """A condition on the event ``e`` and its parameters: what ``Processor.hears`` says, in SQL.

    With ``types``, which it must subscribe to, only events of those.
    """
    names = types or processor.subscriptions
    condition, parameters = f"e.type IN ({placeholders(names)})", list[Any](names)
    if processor.streams:
        condition += " AND substr(e.stream, 1, %s) = %s"
        parameters += [len(processor.streams), processor.streams]
    return condition, parameters


def corrected(column: str, cast: str = "") -> str:
    """``version`` or ``data`` of the event ``e``, as it was corrected if it was."""
    return (
        f"coalesce((SELECT c.{column}{cast} FROM flowdeck_correction c "
        f"WHERE c.position = e.position), e.{column}{cast})"
    )
