"""What an alert leaves in the log, in the stream ``alert-<number of the rule>``."""

from __future__ import annotations

from typing import Any

from flowdeck.declare.event import Event
from flowdeck.log.publishing import Receipt, publish
from flowdeck.models import AlertRule


class AlertFired(Event, version=1):
    """A rule was met for as long as it says. ``muted``: nobody is to be told.

    ``processor`` and ``error`` are whose work it is about, and the newest error there, if any.
    """

    rule: int
    name: str
    kind: str
    threshold: int
    value: float
    about: str
    muted: bool = False
    processor: str = ""
    error: str = ""


class AlertResolved(Event, version=1):
    """A rule that had fired is not met any more."""

    rule: int
    name: str
    kind: str
    threshold: int
    value: float
    about: str
    muted: bool = False
    processor: str = ""
    error: str = ""


class AlertTested(Event, version=1):
    """Somebody asked for a message, to see that it arrives: the rule itself is as it was."""

    rule: int
    name: str
    kind: str
    threshold: int
    value: float
    about: str
    by: str
    muted: bool = False
    processor: str = ""
    error: str = ""


Told = AlertFired | AlertResolved | AlertTested
"""What is told."""


def stream_of(number: int) -> str:
    """Where it stands what the rule of this number came to."""
    return f"alert-{number}"


def append(kind: type[Told], rule: AlertRule, **more: Any) -> Receipt:
    """Append what a rule came to, as it is now."""
    event = kind(
        rule=rule.pk,
        name=rule.name,
        kind=rule.kind,
        threshold=rule.threshold,
        value=rule.value,
        about=rule.about,
        **more,
    )
    return publish(event, stream=stream_of(rule.pk), producer="alerts")
