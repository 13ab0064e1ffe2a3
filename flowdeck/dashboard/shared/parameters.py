"""Reading untrusted URL parameters: what makes no sense becomes a problem, never an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from flowdeck import clock, parsing

_FIRST_YEAR, _LAST_YEAR = 1971, 9000  # far enough from where arithmetic with times overflows
_AGO = re.compile(r"(\d{1,4})(s|min|h|d)")
_DECIMAL = re.compile(r"\d{1,15}(\.\d{1,3})?", re.ASCII)
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


@dataclass(slots=True)
class Parameters:
    """``problems`` gathers name and complaint of each parameter that could not be understood."""

    query: QueryDict
    problems: list[tuple[str, str]] = field(default_factory=list)

    def text(self, name: str, longest: int) -> str:
        """The last value; empty if there is none or it is too long."""
        return self.short(name, self.query.get(name, ""), longest)

    def short(self, name: str, value: str, longest: int) -> str:
        """A value without what can't be stored, if it is not too long."""
        value = value.strip().replace("\x00", "")
        if len(value) > longest:
            self.problems.append((name, f"is longer than {longest} characters"))
            return ""
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """One of the choices, or empty."""
        value = self.text(name, 40)
        if value and value not in choices:
            self.problems.append((name, f"{value!r} is none of {', '.join(choices)}"))
            return ""
        return value

    def uuid(self, name: str) -> UUID | None:
        """An id."""
        value = self.query.get(name, "").strip()
        try:
            return UUID(value) if value else None
        except ValueError:
            self.problems.append((name, f"{value[:60]!r} is not a {name} id"))
            return None

    def number(self, name: str, *, least: int = 0, most: int = parsing.LARGEST) -> int | None:
        """A number within the limits."""
        value = self.query.get(name, "").strip()
        found = parsing.number(value, least=least, most=most)
        if value and found is None:
            self.problems.append(
                (name, f"{value[:60]!r} is not a number from {least:,} to {most:,}")
            )
        return found

    def decimal(self, name: str, *, most: int) -> float | None:
        """A number from 0 on, to three digits behind the point."""
        value = self.query.get(name, "").strip()
        if not value:
            return None
        found = float(value) if _DECIMAL.fullmatch(value) else None
        if found is None or found > most:
            self.problems.append((name, f"{value[:60]!r} is not a number from 0 to {most:,}"))
            return None
        return int(found) if found.is_integer() else found

    def time(self, name: str) -> str:
        """A time as text that :func:`moment` understands: ``1h`` stays, others are put in UTC."""
        value = self.query.get(name, "").strip()
        try:
            if not value or _AGO.fullmatch(value):
                return value
            return moment(value).replace(tzinfo=None).isoformat()
        except ValueError:
            self.problems.append(
                (name, f"{value[:60]!r} is not a time such as 2026-11-23T14:00 or 15min")
            )
            return ""


def moment(text: str) -> datetime:
    """The time of ``2026-11-23T14:00:05`` (UTC unless it says otherwise) or of ``1h`` ago.

    Raises ValueError.
    """
    if ago := _AGO.fullmatch(text):
        return clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    found = parse_datetime(text)
    if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError(f"{text!r} is not a time")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
