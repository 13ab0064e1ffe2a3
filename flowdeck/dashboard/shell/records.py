"""The business record behind a stream, as the domain app names it.

The engine knows streams only. An app says what its streams are::

    records.register("parcel-", lambda stream: Record(f"Parcel {stream[7:]}", url))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """How people call the record, and where it is (empty: nowhere to go)."""

    title: str
    url: str = ""


_describe: dict[str, Callable[[str], Record | None]] = {}


def register(prefix: str, describe: Callable[[str], Record | None]) -> None:
    """Let ``describe(stream)`` name the records of streams that begin with ``prefix``.

    It is called for every trace shown and must not query.
    """
    _describe[prefix] = describe


def record_of(stream: str) -> Record:
    """The record of a stream; the stream's own name if no app knows it."""
    for prefix, describe in _describe.items():
        if stream.startswith(prefix) and (found := describe(stream)) is not None:
            return found
    return Record(stream)
