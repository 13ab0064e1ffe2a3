"""Rules that most projects want, ready to be set with one click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowdeck.alerts import rules
from flowdeck.models import AlertRule

_Kind = AlertRule.Kind


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule as it would be set, and what it is good for."""

    name: str
    why: str
    wanted: dict[str, Any]

    @property
    def said(self) -> str:
        """The rule in words."""
        return rules.said(AlertRule(**{"minutes": 0, **self.wanted}))


def _ready(name: str, why: str, kind: AlertRule.Kind, threshold: int, **more: int) -> Ready:
    wanted = {"kind": kind.value, "threshold": threshold, "hold_seconds": 0, **more}
    return Ready(name, why, wanted)


_ALL = (
    _ready("Dead letters", "Somebody has to look at them.", _Kind.DEAD, 1),
    _ready("An error spreads", "One cause makes letter after letter.", _Kind.GROWTH, 10),
    _ready(
        "Attempts fail", "A partner is away or a release is bad.", _Kind.FAILURES, 20, minutes=5
    ),
    _ready(
        "Work takes long",
        "People wait for what events bring about.",
        _Kind.LATENCY,
        5000,
        minutes=5,
        hold_seconds=60,
    ),
    _ready("Deliveries wait", "A processor does not keep up.", _Kind.WAITING, 60, hold_seconds=30),
    _ready("Nobody works", "All workers are away.", _Kind.WORKERS, 30),
    _ready("Traces stand still", "Something was begun and not ended.", _Kind.STUCK, 1, minutes=60),
    _ready(
        "Processes stand still", "What they wait for has not come.", _Kind.STANDING, 1, minutes=1440
    ),
    _ready("Read models are behind", "Pages show what was.", _Kind.STALE, 60, hold_seconds=30),
    _ready("An outlet is behind", "Others do not hear of events.", _Kind.CONNECT, 300),
    _ready("An objective is missed", "Its budget burns too fast.", _Kind.BURN, 1),
    _ready("A pause is forgotten", "Work waits for a person.", _Kind.PAUSED, 60),
    _ready("The disk fills up", "Nothing can be written then.", _Kind.FULL, 80),
)


def left() -> list[Ready]:
    """Those that are not set: no rule has their name."""
    known = set(AlertRule.objects.values_list("name", flat=True))
    return [one for one in _ALL if one.name not in known]
