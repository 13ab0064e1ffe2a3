"""What a handler collects to be appended: all that it has not rolled back itself.

Outside of handlers an event is appended where it is published, so a savepoint that is rolled back
takes it along. A handler's events are appended at its end; so that they share the fate of the rows
written beside them, each is tied to the savepoints before it: those of ``transaction.atomic()`` and
those that a handler makes itself, by ``transaction.savepoint()`` or a statement (of which
:mod:`flowdeck.engine.containment` tells Django).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

from flowdeck.database import connection

T = TypeVar("T")


class Collected(Generic[T]):
    """Things in the order they came.

    ``savepoints``: how many its connection had made when the handler was called in a transaction of
    the engine's; None if there is none.
    """

    __slots__ = ("_all", "_savepoints")

    def __init__(self, savepoints: int | None) -> None:
        self._savepoints = savepoints
        self._all: list[tuple[T, _Tie | None]] = []

    def extend(self, things: Sequence[T]) -> None:
        """Add, and tie to the savepoints and the transaction that the handler itself has begun."""
        if not things:
            return
        own = self._savepoints is None or connection.savepoint_state != self._savepoints
        tie = _Tie.made() if own and connection.in_atomic_block else None
        self._all.extend((thing, tie) for thing in things)

    def clear(self) -> None:
        """Forget all of them."""
        self._all.clear()

    def __iter__(self) -> Iterator[T]:
        """What was not rolled back."""
        if not self._all:
            return iter(())
        waiting = {hook for _, hook, *_ in connection.run_on_commit if isinstance(hook, _Tie)}
        return (thing for thing, tie in self._all if tie is None or tie.committed or tie in waiting)

    def __bool__(self) -> bool:
        """Whether anything is left."""
        return any(True for _ in self)


class _Tie:
    """Waits for the commit, as long as nothing before it is rolled back: then it is dropped."""

    __slots__ = ("committed",)

    def __init__(self) -> None:
        self.committed = False

    @classmethod
    def made(cls) -> _Tie:
        tie = cls()
        hooks: list[Any] = connection.run_on_commit  # of three, as Django has them
        hooks.append((_Before(connection.savepoint_state), tie, False))
        return tie

    def __call__(self) -> None:
        self.committed = True


class _Before(set[str]):
    """All savepoints that the connection has made until now, as Django looks for one of them.

    Going back to any of them undoes what came after it. Django's ``on_commit`` would note those of
    atomic blocks only. Savepoints are numbered: ``s140_x7``.
    """

    __slots__ = ("_newest",)

    def __init__(self, newest: int) -> None:
        super().__init__()
        self._newest = newest

    def __contains__(self, savepoint: object) -> bool:
        return int(str(savepoint).rpartition("_x")[2]) <= self._newest
