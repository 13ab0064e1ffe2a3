"""The position of the log that a person asks for, by a moment or a position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdeck import parsing
from flowdeck.log.positions import first_since, newest_position
from flowdeck.models import Event


def position_of(query: Mapping[str, Any]) -> dict[str, Any]:
    """``to``, the position asked for by ``position`` or by ``moment``, and what to say of it.

    The newest position if neither is given, or if what is given makes no sense: then ``problem``
    says so. ``to_at`` is when the event there was recorded.
    """
    text, moment = str(query.get("moment", "")), None
    typed = str(query.get("position", "")).strip()
    position = parsing.number(typed)
    problem = f"{typed[:60]!r} is no position." if typed and position is None else ""
    if position is None and text:
        moment = parsing.moment(text)
        problem = "" if moment else "That is no date and time, such as 2026-11-25 10:42:00."
    if position is None:
        position = first_since(moment) - 1 if moment else newest_position()
    at = Event.objects.filter(position__lte=position).order_by("-position").first()
    return {"to": position, "to_at": at.recorded_at if at else None, "problem": problem}
