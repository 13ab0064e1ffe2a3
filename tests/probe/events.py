"""The probe's events."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flowdeck import Event, Personal


class Probed(Event, version=1):
    """Tells the handlers what to do.

    ``fails`` attempts of ``by`` fail first ("" for every processor); ``rejects`` and ``dies`` name
    a processor that rejects it, or whose process it kills; ``echoes`` are emitted by it.
    """

    n: int = 0
    fails: int = 0
    by: str = ""
    rejects: str = ""
    dies: str = ""
    echoes: int = 0


class Echoed(Event, version=1):
    """What a handler emits when it is told to."""

    n: int
    by: str


class Keyed(Event, version=1, key="owner"):
    """An event whose order is kept by a field instead of the stream."""

    owner: str
    n: int = 0


class Introduced(Event, version=2):
    """An event about a person; version 1 called the e-mail mail."""

    user_id: int
    email: Annotated[str, Personal(subject="user_id", was=("mail",))] = ""
    born: Annotated[date, Personal(subject="user_id", erased=date(1, 1, 1))] = date(1, 1, 1)


class Renamed(Event, version=3):
    """An event with a history of two older versions."""

    name: str
    size: int


class Told(Event, version=1):
    """An event about a person."""

    user_id: int
    email: Annotated[str, Personal(subject="user_id", was=("mail",))] = ""
    notes: Annotated[list[str], Personal(subject="user_id")] = []


class Called(Event, version=1):
    """Heard by the processor that calls for many keys at once."""

    n: int = 0
