"""Connections lent to threads, one after the other: opened by who needs one, and at most so many.

Whoever opens a connection learns at once that the database is away, and so do those who wait for
one. Whoever comes next tries anew, so there is nothing to wait for once it is back. Waiting long is
for a database that is there and busy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus

Connection = psycopg.Connection[Any]

_PATIENCE = 10.0  # seconds to wait for a connection that others work with
_LOOK = 0.5  # seconds between looks for one that its thread took along when it ended


class Lending:
    """At most ``size`` connections at a time; what is given back stays open for the next."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._changed = threading.Condition()
        self._idle: list[Connection] = []
        # Not the pool's to keep alive: one that its thread forgot to give back counts no longer
        # once nothing refers to it.
        self._lent: WeakSet[Connection] = WeakSet()
        self._opening = 0
        self._failures = 0

    def take(self, connect: Callable[[], Connection]) -> Connection:
        """A connection that works: one that was given back, else a new one by ``connect``.

        Raises psycopg.OperationalError at once if the database is away, and after 10 s if all
        connections stay in use.
        """
        self._reserve()
        connection = None
        try:
            connection = self._working() or connect()
        finally:
            with self._changed:
                self._opening -= 1
                if connection is None:
                    self._failures += 1
                else:
                    self._lent.add(connection)
                self._changed.notify_all()
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep ``connection`` for the next; what was begun on it is undone. Never raises."""
        _undo(connection)
        with self._changed:
            self._lent.discard(connection)
            if not connection.closed:
                self._idle.append(connection)
            self._changed.notify_all()

    def _reserve(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        with self._changed:
            failures = self._failures
            while len(self._lent) + self._opening >= self._size:
                self._changed.wait(_LOOK)
                if self._failures != failures:
                    raise psycopg.OperationalError("The database is away.")
                if time.monotonic() > deadline:
                    raise psycopg.OperationalError(
                        f"All {self._size} connections were in use for {_PATIENCE:.0f} s."
                    )
            self._opening += 1

    def _working(self) -> Connection | None:
        while True:
            with self._changed:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            try:
                connection.autocommit = True
                connection.execute("")
            except psycopg.Error:
                connection.close()  # the database was started anew, or hung up
            else:
                return connection


def _undo(connection: Connection) -> None:
    status = connection.pgconn.transaction_status
    try:
        if status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            connection.rollback()
    except psycopg.Error:
        connection.close()
    if status in (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN):
        connection.close()
