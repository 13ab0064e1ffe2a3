"""What has fired and when it ended, from the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowdeck.alerts.facts import AlertFired, AlertResolved, stream_of
from flowdeck.models import AlertRule, Event

_LOOKED_AT = 200  # newest events


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule that fired: its number, the event, when it began and ended; ``lasts`` until now.

    Of a rule that was changed or deleted meanwhile no end is known: None, as while it lasts.
    """

    rule: int
    position: int
    name: str
    unit: str
    value: float
    about: str
    muted: bool
    at: datetime
    ended_at: datetime | None = None
    lasts: bool = False

    @property
    def seconds(self) -> float | None:
        """How long it lasted; None if it lasts."""
        return (self.ended_at - self.at).total_seconds() if self.ended_at else None


def firings(rule: int | None = None) -> list[Firing]:
    """The newest, of all rules or of one, the newest first; two queries by index."""
    chosen = Event.objects.filter(type__in=[one.__name__ for one in (AlertFired, AlertResolved)])
    if rule is not None:
        chosen = Event.objects.filter(stream=stream_of(rule))
    firing = set(AlertRule.objects.filter(firing_since__isnull=False).values_list("pk", flat=True))
    rows = chosen.order_by("-position").values_list("type", "position", "recorded_at", "data")
    found: list[Firing] = []
    ended: dict[int, datetime] = {}
    for type_, position, at, data in rows[:_LOOKED_AT]:
        if type_ == AlertResolved.__name__:
            ended[data["rule"]] = at
        elif type_ == AlertFired.__name__:
            number = data["rule"]
            lasts = number in firing and number not in ended
            firing.discard(number)  # what fired before does not last
            found.append(_firing(position, at, data, ended.pop(number, None), lasts))
    return found


def _firing(
    position: int, at: datetime, data: dict[str, Any], ended_at: datetime | None, lasts: bool
) -> Firing:
    return Firing(
        rule=data["rule"],
        position=position,
        name=data["name"],
        unit=AlertRule.Kind(data["kind"]).label,
        value=data["value"],
        about=data["about"],
        muted=data["muted"],
        at=at,
        ended_at=ended_at,
        lasts=lasts,
    )
