"""What a handler collects to be appended: all that was not rolled back with a block of its own.

Outside of handlers an event is appended where it is published, so a savepoint that is rolled back
takes it along. A handler's events are appended at its end; so that they share the fate of the rows
written beside them, each is tied to the atomic block it came from. As with Django's ``on_commit``,
that is ``transaction.atomic()``, and not the bare ``transaction.savepoint()``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from flowdeck.database import connection, transaction

T = TypeVar("T")


class Collected(Generic[T]):
    """Things in the order they came. ``in_transaction``: the handler is called within one."""

    __slots__ = ("_all", "_in_transaction")

    def __init__(self, in_transaction: bool) -> None:
        self._in_transaction = in_transaction
        self._all: list[tuple[T, _Tie | None]] = []

    def extend(self, things: Sequence[T]) -> None:
        """Add, and tie to the atomic block that the handler has opened, if it is in one."""
        own_block = bool(connection.savepoint_ids) if self._in_transaction else True
        tie = _Tie.made() if things and own_block and connection.in_atomic_block else None
        self._all.extend((thing, tie) for thing in things)

    def clear(self) -> None:
        """Forget all of them."""
        self._all.clear()

    def __iter__(self) -> Iterator[T]:
        """What was not rolled back."""
        if not self._all:
            return iter(())
        return (thing for thing, tie in self._all if tie is None or tie.holds)

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return any(True for _ in self)


class _Tie:
    """Waits for the commit, as long as no block around it is rolled back: then it is dropped."""

    __slots__ = ("_committed",)

    def __init__(self) -> None:
        self._committed = False

    @classmethod
    def made(cls) -> _Tie:
        tie = cls()
        transaction.on_commit(tie)
        return tie

    def __call__(self) -> None:
        self._committed = True

    @property
    def holds(self) -> bool:
        waiting = reversed(connection.run_on_commit)  # the newest are behind
        return self._committed or any(one is self for _, one, *_ in waiting)
