"""What an alert leaves in the log, in the stream ``alert-<number of the rule>``."""

from __future__ import annotations

from flowdeck.declare.event import Event


class AlertFired(Event, version=1):
    """A rule was met for as long as it says. ``muted``: nobody is to be told."""

    rule: int
    name: str
    kind: str
    threshold: int
    value: float
    about: str
    muted: bool = False


class AlertResolved(Event, version=1):
    """A rule that had fired is not met any more."""

    rule: int
    name: str
    kind: str
    threshold: int
    value: float
    about: str
    muted: bool = False
