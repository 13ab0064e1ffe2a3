"""How ids, durations, rates, counts and lists are written, wherever people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flowdeck import clock

SHORT_ID = 7
_HARD = "\N{NO-BREAK SPACE}"  # between a number and its unit
UNAVAILABLE = "The database is busy or away. Nothing was changed; try again in a moment."
"""What is said of a fault of the database; what had begun was rolled back."""
UNAVAILABLE_SECONDS = 5
"""What ``Retry-After`` says then."""


def short(identifier: UUID | str) -> str:
    """The short form of an id: its end, since ids of the same moment begin alike."""
    return str(identifier)[-SHORT_ID:]


def duration(value: timedelta | float | None) -> str:
    """A duration in the unit one would say it in: 61 ms, 1.04 s, 2 min 5 s, 3 h 20 min."""
    if value is None:
        return "–"
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0.0005:
        return "0 ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    return long(round(seconds))


def moment(local: datetime) -> str:
    """A local time with its date and zone: 3 Nov 2026, 14:05:09 UTC."""
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}".rstrip()


def day(local: datetime) -> str:
    """The date of a local time, to stand before its time of day; "" if that is today.

    The year is left out if it is this one.
    """
    today = clock.now().astimezone(local.tzinfo).date()
    if local.date() == today:
        return ""
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year} "


def hour(local: datetime) -> str:
    """A local time of day, with its date unless that is today.

    Its zone has to stand beside it, or in its title (:func:`moment`).
    """
    return f"{day(local)}{time_of_day(local)}"


def time_of_day(local: datetime) -> str:
    """A local time of day, with seconds unless there are none; for an axis with titles."""
    return f"{local:%H:%M:%S}".removesuffix(":00")


def age(moment: datetime | None) -> str:
    """How long ago in its biggest unit, as plain text: 5 h."""
    if moment is None:
        return "–"
    return " ".join(long(round((clock.now() - moment).total_seconds())).split()[:2])


def rate(per_second: float) -> str:
    """How often in the unit one would say it in: 41/s, 1.4/s, 3/min."""
    if per_second >= 9.95:
        return f"{per_second:,.0f}/s"
    if per_second >= 0.0995:
        return f"{per_second:.1f}/s"
    return f"{per_second * 60:.0f}/min" if per_second else "0"


def figure(value: float | str | None, digits: int = -1) -> str:
    """A number with so many digits after the point; by default one, or none if it is whole."""
    if value is None or value == "":
        return "–"
    number = float(value)
    if digits < 0:
        return f"{number:.0f}" if f"{number:.1f}".endswith(".0") else f"{number:.1f}"
    return f"{number:.{digits}f}"


def size(count: int) -> str:
    """So many bytes in their biggest unit: 812 bytes, 61.2 MB."""
    amount = float(count)
    for unit in ("bytes", "KB", "MB"):
        if amount < 1024:
            return f"{amount:.0f}{_HARD}bytes" if unit == "bytes" else f"{amount:.1f}{_HARD}{unit}"
        amount /= 1024
    return f"{amount:.1f}{_HARD}GB"


def thousands(value: int | None) -> str:
    """An exact count with separators; unknown is a dash, never 0."""
    return "–" if value is None else f"{value:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with what it counts: 1 event, 1,234 events. ``many`` if it is not ``one`` with s."""
    return f"{number:,} {noun(number, one, many)}"


def noun(number: int, one: str, many: str = "") -> str:
    """What so many are called: event, events."""
    return one if number == 1 else many or f"{one}s"


def listed(items: Iterable[Any]) -> str:
    """``a, b and c``."""
    texts = [str(item) for item in items]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def since(later: datetime | None, earlier: datetime | None) -> timedelta | None:
    """The time from ``earlier`` to the piped moment; None if either is unknown."""
    return None if later is None or earlier is None else later - earlier


def long(seconds: int) -> str:
    """A long duration in its two biggest units: 2 min 5 s, 3 h 20 min."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return _two(days, "d", hours_left, "h")
    if hours:
        return _two(hours, "h", minutes_left, "min")
    return _two(minutes, "min", rest, "s") if minutes else f"{rest} s"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def countdown(seconds: float) -> str:
    """A time that runs down, in seconds as long as these are few."""
    return f"{seconds:.0f} s" if seconds < 60 else long(round(seconds))
