"""The drill's event: what a witness leaves that has no transaction of its own to write in."""

from __future__ import annotations

from flowdeck import Event


class Witnessed(Event, version=1):
    """The leased witness has handled the event that caused this one."""

    sequence: int
