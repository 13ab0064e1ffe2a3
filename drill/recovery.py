"""How long the system takes to be itself again after a fault."""

from __future__ import annotations

import contextlib
import http.client
import sqlite3
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from drill.stack import Stack

GIVE_UP_SECONDS = 45.0
_LOOK_SECONDS = 0.1

_NEWEST = "SELECT coalesce(max(position), 0) FROM flowdeck_event"
_DONE_SINCE = """
SELECT count(*) FROM flowdeck_done WHERE finished_at > '{since}'
"""
# What nothing holds back: neither its own retry nor an earlier delivery of its key.
_BEHIND = """
SELECT count(*) FROM flowdeck_due d
WHERE d.state = 'pending' AND d.position <= {newest} AND NOT EXISTS (
  SELECT 1 FROM flowdeck_due ahead
  WHERE ahead.processor = d.processor AND ahead.key = d.key AND ahead.slot = d.slot
    AND ahead.state IN ('retrying', 'sleeping', 'dead') AND ahead.position < d.position)
"""
_UNSETTLED = """
SELECT count(*) FROM flowdeck_due d
WHERE d.state IN ('retrying', 'sleeping') OR (d.state = 'pending' AND NOT EXISTS (
  SELECT 1 FROM flowdeck_due ahead
  WHERE ahead.processor = d.processor AND ahead.key = d.key AND ahead.slot = d.slot
    AND ahead.state = 'dead' AND ahead.position < d.position))
"""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from a fault's end: to the first sign of life, and to all older work done."""

    first: float
    caught_up: float


def measure(stack: Stack, ended: datetime, *, web: bool = False) -> Recovery:
    """Wait until the system has caught up after a fault that ended at ``ended``.

    Its first sign of life is the first delivery done, or with ``web`` the first page served.
    """
    began = time.monotonic()
    newest = query(stack, _NEWEST)
    since = ended.strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00" if stack.postgres else "")
    if web:
        first = _until(began, lambda: _serves(stack.port))
    else:
        first = _until(began, lambda: query(stack, _DONE_SINCE.format(since=since)) > 0)
    behind = _until(began, lambda: query(stack, _BEHIND.format(newest=newest)) == 0)
    return Recovery(first, max(first, behind))


def settled(stack: Stack, seconds: float) -> bool:
    """Whether everything is done, dead, or waits behind a dead letter within ``seconds``."""
    deadline = time.monotonic() + seconds
    while query(stack, _UNSETTLED):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def now() -> datetime:
    """The clock of the workers."""
    return datetime.now(UTC)


def query(stack: Stack, statement: str) -> Any:
    """The one value of ``statement``, past all proxies."""
    if stack.postgres is not None:
        return stack.postgres.execute(statement)[0][0]
    path = stack.home / "flowdeck.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
        return connection.execute(statement).fetchone()[0]


def _serves(port: int) -> bool:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS)
    with contextlib.closing(client), contextlib.suppress(OSError, http.client.HTTPException):
        client.request("GET", "/accounts/login/")
        return client.getresponse().status < 500
    return False


def _until(began: float, happened: Any) -> float:
    while not happened():
        if time.monotonic() - began > GIVE_UP_SECONDS:
            break
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began
