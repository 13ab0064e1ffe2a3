"""How the database itself is doing: what only it can tell. What it can't is None."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Holder(NamedTuple):
    """Who holds the oldest snapshot: a session, a prepared transaction, a replication slot."""

    kind: str
    who: str | None
    program: str | None
    address: str | None
    pid: int | None
    state: str | None
    since: datetime | None


class Table(NamedTuple):
    """A table with its indexes. ``rows`` and ``dead`` are estimates of the database."""

    name: str
    bytes: int
    rows: int
    dead: int
    vacuumed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Health:
    """All of it. ``room``: up to before which position deliveries have a place once done."""

    holder: Holder | None
    tables: list[Table]
    room: int | None
    bytes: int
