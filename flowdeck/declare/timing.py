"""When an event is to be appended, if not at once; and what is not to come any more."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

from flowdeck import clock
from flowdeck.errors import InvalidEnvelope

LONGEST = timedelta(days=36_525).total_seconds()
"""Seconds ahead that a timer may be set: a hundred years."""

_PAUSE = 1.0  # seconds; what takes its time between cause and effect can't go round at full speed


@dataclass(frozen=True, slots=True)
class When:
    """In ``seconds`` by the database's clock, or ``at`` a time; under ``timer`` as its name.

    Without a name it is called as its event will be, ``event_id``. With ``replace`` it takes the
    place of an open one of its name; without, that one stays. A schedule's timer has a ``scope`` of
    its own instead of its stream, does not come from ``stale_at`` on, and stands for so many
    ``missed`` ones besides its own.
    """

    seconds: float | None
    at: datetime | None
    timer: str = ""
    replace: bool = True
    event_id: UUID = field(default_factory=uuid7)
    scope: str = ""
    stale_at: datetime | None = None
    missed: int = 0

    @property
    def name(self) -> str:
        """The name that it is cancelled by."""
        return self.timer or str(self.event_id)

    @property
    def pauses(self) -> bool:
        """Whether a second or more goes by until then."""
        if self.seconds is not None:
            return self.seconds >= _PAUSE
        return self.at is not None and (self.at - clock.now()).total_seconds() >= _PAUSE


@dataclass(frozen=True, slots=True)
class Cancel:
    """The open timer ``name`` of ``stream`` is not to come; ``by`` is who says so."""

    stream: str
    name: str
    by: str = ""


def when(in_: float | None, at: datetime | None, timer: str | None, replace: bool) -> When | None:
    """From the arguments of ``publish`` and ``emit``; None for at once.

    Raises InvalidEnvelope for a time that can't be waited for, or a name without one.
    """
    if in_ is None and at is None:
        if timer is not None or not replace:
            raise InvalidEnvelope(
                f"timer={timer!r}, replace={replace} say nothing of when: give in_= seconds, or "
                "at= a time."
            )
        return None
    if in_ is not None and at is not None:
        raise InvalidEnvelope(f"Give in_={in_!r} or at={at.isoformat()}, not both.")
    if in_ is not None and not (math.isfinite(in_) and 0 <= in_ <= LONGEST):
        raise InvalidEnvelope(
            f"in_={in_!r} must be from 0 to {LONGEST:,.0f} seconds (a hundred years)."
        )
    if at is not None and at.tzinfo is None:
        raise InvalidEnvelope(f"at {at.isoformat()} has no zone: give one, such as UTC.")
    if timer == "":
        raise InvalidEnvelope("timer='' is no name: give one of 1 to 100 characters, or none.")
    return When(in_, at, timer or "", replace)
