"""Numbers, times and reasons out of text that anybody may have written."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.dateparse import parse_datetime

LARGEST = 2**63 - 1
"""The largest number that the database can be asked for."""
LONGEST_REASON = 300


def number(text: str, *, least: int = 0, most: int = LARGEST) -> int | None:
    """The number that ``text`` is in plain digits; None if it is none, or not within the limits."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST))):
        return None
    return found if least <= (found := int(text)) <= most else None


def moment(text: str) -> datetime | None:
    """A date and time, UTC if it names no zone; None if it is none."""
    try:
        found = parse_datetime(text)
    except ValueError:  # well formed, but no such day
        return None
    if found is None:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def place(text: str) -> int | datetime | None:
    """Where in the log: a position or, if it is no number, a time; None if it is neither."""
    found = number(text)
    return found if found is not None else moment(text)


def reason(text: str, *, needed: bool = True) -> str | None:
    """Why a person does something: 1 to 300 characters that can be stored, without space around.

    None if ``text`` is not that; if no reason is ``needed``, it may be empty too.
    """
    found = text.strip()
    if len(found) > LONGEST_REASON or "\x00" in found:
        return None
    return found if found or not needed else None
