"""What handlers do to the connection that they share with the engine, and with each other.

An atomic handler runs in the engine's transaction, beside others; all handlers of a thread have
one connection, one after the other. What one of them changes there must not reach the next: the
connection can't be closed under the engine, settings are put back, and what was to be done after
the commit can fail for itself only. Statements that go past Django's cursors are not seen.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from flowdeck import spans, telemetry
from flowdeck.database import alias, connection
from flowdeck.declare.registry import Processor
from flowdeck.engine.faults import ends_this_worker
from flowdeck.errors import HandlerContractError
from flowdeck.sql import DueDelivery, dialect

# What changes the session; "SET LOCAL" for the rest of the transaction only.
_SETTING = re.compile(
    r"(?:^|;)\s*(?:SET\s+(?!CONSTRAINTS\b|TRANSACTION\b)|RESET\b|DISCARD\b|PRAGMA\b[^;]*=)"
    r"|\bset_config\s*\(|\bpg_advisory_lock(?:_shared)?\s*\(",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(?:^|;)\s*SET\s+LOCAL\b", re.IGNORECASE)
# A savepoint that a handler makes itself by a statement; Django knows of its own ("s140_x7").
_SAVEPOINT = re.compile(
    r"\s*(SAVEPOINT|ROLLBACK\s+(?:WORK\s+|TRANSACTION\s+)?TO(?:\s+SAVEPOINT)?)\s+"
    r"\"?(?!s\d+_x\d+\b)(\w+)\"?\s*;?\s*$",
    re.IGNORECASE,
)
_SHOWN = 200
Returned = TypeVar("Returned")


class _Left(threading.local):
    """Who has left settings behind on the connection of this thread, and by which statement."""

    processor, statement = "", ""


_left = _Left()


@lru_cache(maxsize=1_000)
def _meaning(statement: str) -> tuple[bool, re.Match[str] | None]:
    """Whether it changes settings; and what it does to which savepoint of the handler's.

    A handler's statements are the same ones again and again, with other parameters.
    """
    return _SETTING.search(statement) is not None, _SAVEPOINT.match(statement)


class _Watch:
    """Looks at the statements of a handler; a wrapper of Django's cursors.

    ``sent``: there was any.
    """

    def __init__(self, shared: BaseDatabaseWrapper) -> None:
        self.sent, self.changed, self.lasting = False, False, ""
        self.savepoints: dict[str, int] = {}
        self._shared = shared

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        self.sent = True
        text = sql if isinstance(sql, str) else str(sql)
        changes, savepoint = _meaning(text)
        if changes:
            self.changed = True
            if not _LOCAL.search(text):
                self.lasting = text[:_SHOWN]
        result = execute(sql, params, many, context)
        if savepoint is not None:
            self._follow(*savepoint.groups())
        return result

    def _follow(self, verb: str, name: str) -> None:
        """Let Django number it like its own, and forget what waits for the commit since then."""
        if verb.upper() == "SAVEPOINT":
            self._shared.savepoint_state += 1
            self.savepoints[name] = self._shared.savepoint_state
        elif (number := self.savepoints.get(name)) is not None:
            waiting: list[Any] = self._shared.run_on_commit
            waiting[:] = [one for one in waiting if f"s_x{number}" not in one[0]]


class Containment:
    """Calls handlers of one processor, one after the other, in the thread that made it.

    A batch needs but one: to look the connection up takes longer than to call a handler that has
    little to do. ``traced``: there may be somebody who records spans.
    """

    __slots__ = ("_processor", "_shared", "_watch", "traced")

    def __init__(self, processor: Processor) -> None:
        self._processor, self._shared = processor, connections[alias()]
        self._watch = _Watch(self._shared)
        self.traced = spans.on()

    def call(self, handle: Callable[[], Returned]) -> Returned:
        """What ``handle`` returns. Settings are put back before anything else uses the connection.

        Settings that would outlast the transaction are noted for :func:`renew`. An atomic handler
        that closes the connection gets a HandlerContractError there.
        """
        processor, shared, watch = self._processor, self._shared, self._watch
        watch.sent, watch.changed, watch.lasting = False, False, ""
        watch.savepoints.clear()
        shared.execute_wrappers.append(watch)
        if processor.atomic:
            vars(shared)["close"] = self._refuse_to_close
        try:
            result = handle()
        finally:
            shared.execute_wrappers.remove(watch)
            vars(shared).pop("close", None)
            if watch.lasting:
                _left.processor, _left.statement = processor.name, watch.lasting
            if not processor.atomic:
                _end_own_transaction(processor)
                renew()
        if processor.atomic and watch.changed:
            with connection.cursor() as cursor:
                dialect().restore_settings(cursor, bool(watch.lasting))
        return result

    @property
    def untouched(self) -> bool:
        """Whether the last handler has sent no statement."""
        return not self._watch.sent

    @property
    def savepoints(self) -> int:
        """How many the connection has made until now."""
        return self._shared.savepoint_state

    @property
    def hooks(self) -> int:
        """How many ``on_commit`` are waiting."""
        return len(self._shared.run_on_commit)

    def contain_hooks(self, due: DueDelivery, before: int) -> None:
        """Let each ``on_commit`` that is waiting since there were ``before`` fail for itself."""
        waiting: list[Any] = self._shared.run_on_commit
        for n in range(before, len(waiting)):
            savepoints, run, *_ = waiting[n]
            waiting[n] = (savepoints, _hook(self._processor, due, run), False)

    def drop_hooks(self, before: int) -> None:
        """Forget each ``on_commit`` that is waiting since there were ``before``."""
        del self._shared.run_on_commit[before:]

    def _refuse_to_close(self) -> NoReturn:
        raise HandlerContractError(
            f"{self._processor.where} closes the database's connection, but it runs in a "
            "transaction of the engine's. Leave it open, or declare the processor with "
            "atomic=False."
        )


def renew() -> None:
    """Close the connection if a handler has left settings behind on it; the next is as it was.

    Needs to be outside of transactions.
    """
    if _left.statement:
        told = telemetry.SettingsLeft(_left.processor, _left.statement)
        _left.processor = _left.statement = ""
        connection.close()
        telemetry.emit(told)


def _hook(processor: Processor, due: DueDelivery, run: Callable[[], Any]) -> Callable[[], None]:
    def contained_run() -> None:
        try:
            run()
        except BaseException as error:
            if ends_this_worker(error):
                raise
            event = due.event
            telemetry.emit(
                telemetry.AfterCommitFailed(
                    processor.name, event.position, event.correlation_id, error
                )
            )

    return contained_run


def _end_own_transaction(processor: Processor) -> None:
    """A handler that has switched autocommit off would take all that follows with it.

    In an atomic block Django lets nobody do that: there it is off because of the block, a test's.
    """
    if connection.in_atomic_block:
        return
    if not connection.autocommit and connection.connection is not None:
        _left.processor, _left.statement = processor.name, "set_autocommit(False)"
