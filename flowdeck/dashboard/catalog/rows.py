"""The rows of the catalog: one event type each, with what the log shows of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from flowdeck.conf import conf
from flowdeck.dashboard.shared.observed import TypeStatus, type_statuses
from flowdeck.dashboard.shared.type_marks import hue_of_type, role_of_type
from flowdeck.dashboard.timeline.type_rates import COUNTED, TypeLine, stored_counts, type_lines
from flowdeck.declare import lock as schemas
from flowdeck.declare.event import EventType
from flowdeck.declare.registry import Processor, registry

_LONGEST_QUERY = 80


@dataclass(frozen=True, slots=True)
class CatalogRow:
    """One type. ``declared`` is None for one that only the log still knows, ``line`` if none came
    lately. ``stored`` stops above ``COUNTED``. ``hidden``: the filter leaves it out."""

    status: TypeStatus
    declared: EventType | None
    consumers: tuple[Processor, ...]
    line: TypeLine | None = None
    stored: int = 0
    hidden: bool = False

    @property
    def name(self) -> str:
        """Name of the type."""
        return self.status.name

    @property
    def role(self) -> str:
        """Shape of its glyph."""
        return role_of_type(self.status)

    @property
    def producer(self) -> str:
        """Who wrote the newest one: gives the glyph its hue."""
        return hue_of_type(self.status)

    @property
    def stored_text(self) -> str:
        """How many are stored."""
        return f"{COUNTED:,}+" if self.stored > COUNTED else f"{self.stored:,}"

    @property
    def description(self) -> str:
        """What the class says of itself."""
        return " ".join((self.declared.cls.__doc__ or "").split()) if self.declared else ""

    @property
    def words(self) -> str:
        """What the filter looks into, in small letters."""
        heard = (one.name for one in self.consumers)
        return " ".join([self.name, *self.status.producers, *heard, self.description]).lower()


@dataclass(frozen=True, slots=True)
class LockState:
    """What ``schemas --check`` says of all types: how many schemas are locked, what differs."""

    schemas: int
    differs: int


def query_of(asked: str) -> str:
    """The filter as asked for, from untrusted text."""
    return "".join(c for c in asked.strip()[:_LONGEST_QUERY] if c.isprintable())


def catalog_rows(query: str = "") -> list[CatalogRow]:
    """All types by name; what lacks a word of ``query`` is hidden. Seven queries."""
    lines, statuses = type_lines(), type_statuses()
    stored = stored_counts([status.name for status in statuses])
    rows = [
        CatalogRow(
            status,
            registry.event_types.get(status.name),
            registry.subscribers(status.name),
            lines.get(status.name),
            stored.get(status.name, 0),
        )
        for status in statuses
    ]
    wanted = query.lower().split()
    return [replace(row, hidden=not all(word in row.words for word in wanted)) for row in rows]


def lock_state() -> LockState | None:
    """Of the lock file as it is now; None if there is none."""
    path = Path(conf().SCHEMAS_LOCK)
    return _checked(path, path.stat().st_mtime_ns) if path.exists() else None


@lru_cache(maxsize=4)
def _checked(path: Path, changed: int) -> LockState:
    """The declared types do not change while a process runs; the file may."""
    lock = schemas.read(path)
    return LockState(sum(len(versions) for versions in lock.values()), len(schemas.check(lock)))
