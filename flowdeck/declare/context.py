"""The request or delivery that the running code belongs to: correlation and causation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck.declare.event import Delivery


@dataclass(frozen=True, slots=True)
class Context:
    """The trace that events published now belong to, and the delivery being handled, if any."""

    correlation_id: UUID
    causation_id: UUID | None = None
    delivery: Delivery | None = None
    in_batch: bool = False


_current: ContextVar[Context | None] = ContextVar("flowdeck_context", default=None)


def current() -> Context | None:
    """The context of the running code, or None outside of requests and handlers."""
    return _current.get()


class entered:  # noqa: N801 (it reads as a verb, and is one step quicker than a generator)
    """Make ``context`` the current one for the length of the block."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> Context:
        self._token = _current.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


@contextmanager
def correlation(correlation_id: UUID | None = None) -> Iterator[Context]:
    """Give all events published in the block one correlation id (a new one by default)."""
    with entered(Context(correlation_id or uuid7())) as context:
        yield context
