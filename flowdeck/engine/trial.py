"""Handlers that are only tried: in a transaction that is rolled back, with the outside refused.

The one place for "run it and leave nothing behind". A handler that is tried runs as it does in
production, in the engine's attempt, and what it emits is appended; then all of it is rolled back.
Nothing that was to follow the commit follows: no bell, no ``on_commit``. Outside calls are answered
by what ``delivery.outside`` recorded; any other raises OutsideRefused, and so do statements that
would end the transaction or write to another database.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections

from flowdeck import clock
from flowdeck.database import alias, connection, transaction
from flowdeck.declare.outside import Answers
from flowdeck.declare.registry import Processor
from flowdeck.engine import watchdog
from flowdeck.engine.attempt import attempt
from flowdeck.engine.outcome import HandlerFailed, Outcome, failed
from flowdeck.engine.unplugged import unplugged
from flowdeck.engine.written import Row, Written
from flowdeck.errors import OutsideRefused
from flowdeck.sql import DueDelivery

_ENDS = re.compile(
    r"(?:^|;)\s*(?:COMMIT|END|ABORT|BEGIN|START\s+TRANSACTION|PREPARE\s+TRANSACTION"
    r"|ROLLBACK(?!\s+(?:WORK\s+|TRANSACTION\s+)?TO\b))\b",
    re.IGNORECASE,
)
_LOOKS = re.compile(r"\s*SELECT\b", re.IGNORECASE)
_SHORTEST = 0.001
_CALLS = "it is an async handler, whose statements are in other transactions"


@dataclass(frozen=True, slots=True)
class Tried:
    """What one try came to. ``refused`` is why it could not be tried; then there is no outcome.

    ``answered`` are the names of the outside calls that the record has answered.
    """

    outcome: Outcome | None
    refused: str = ""
    rows: tuple[Row, ...] = ()
    unread: tuple[str, ...] = ()
    answered: tuple[str, ...] = ()
    seconds: float = 0.0


@contextmanager
def rolled_back() -> Iterator[None]:
    """Run the block in a transaction (or savepoint) and undo it, whatever happened."""
    with _block():
        try:
            with _block():
                yield
                transaction.set_rollback(True)
        finally:
            transaction.set_rollback(True)


def try_out(processor: Processor, due: DueDelivery, seconds: float, *, rows: bool = True) -> Tried:
    """Call the handler for one delivery, for at most so many ``seconds``.

    Needs to be in :func:`rolled_back`. What the handler wrote stays until that ends, if it
    succeeded. ``rows``: tell which rows it wrote. Raises faults of the database.
    """
    if processor.asynchronous:
        return Tried(None, _CALLS)
    if not processor.atomic and not processor.batch:
        due.answers = due.answers or Answers()
        due.answers.closed = True
    began, started, written = time.monotonic(), clock.now(), Written()
    outcome, refused = None, ""
    try:
        with _block(), _watched(written if rows else None):
            with (
                watchdog.watching(processor.where, max(seconds, _SHORTEST), None),
                unplugged() as swallowed,
            ):
                outcome = attempt(processor, due)
            if swallowed:
                raise OutsideRefused(f"it {swallowed[0]}")
            found = written.found()
    except OutsideRefused as error:
        outcome, refused, found = None, str(error), ()
    except Exception as error:
        blamed = error.error if isinstance(error, HandlerFailed) else error
        found = ()
        if isinstance(blamed, OutsideRefused):
            refused = str(blamed)
        else:
            outcome = failed(processor, due, started, error)
    return Tried(
        outcome,
        refused,
        found,
        tuple(written.unread) if outcome is not None and outcome.done else (),
        tuple(due.answers.given) if due.answers is not None else (),
        time.monotonic() - began,
    )


def _block() -> Any:
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # Django lets durable blocks be in it
    return block


@contextmanager
def _watched(written: Written | None) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(_unended))
        if written is not None:
            stack.enter_context(connection.execute_wrapper(written))
        for name in connections:
            if name != alias():
                stack.enter_context(connections[name].execute_wrapper(_only_looking))
        yield


def _unended(execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
    if _ENDS.search(text := str(sql)):
        raise OutsideRefused(f"it ends the transaction itself ({text.strip()[:60]})")
    return execute(sql, *rest)


def _only_looking(execute: Callable[..., Any], sql: Any, *rest: Any) -> Any:
    if not _LOOKS.match(str(sql)):
        raise OutsideRefused(f"it writes to the database {rest[-1]['connection'].alias!r}")
    return execute(sql, *rest)
