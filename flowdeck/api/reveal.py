"""``POST /events/{position}/reveal``: the payload without its masks, for a reason."""

from __future__ import annotations

from typing import Annotated

from django.http import Http404, HttpRequest
from ninja import Path, Router, Schema
from pydantic import ConfigDict

from flowdeck.api.letter_schemas import GivenReason
from flowdeck.api.problems import require, require_action
from flowdeck.api.schemas import EventOut
from flowdeck.models import Event
from flowdeck.people import access
from flowdeck.privacy import reveal

router = Router(tags=["events"])


class RevealIn(Schema):
    """Why personal data has to be seen."""

    model_config = ConfigDict(extra="forbid")
    reason: GivenReason


@router.post("/events/{position}/reveal", response=EventOut, summary="See personal data")
def reveal_event(
    request: HttpRequest, position: Annotated[int, Path(ge=1, le=2**63 - 1)], given: RevealIn
) -> EventOut:
    """The event with its personal values, which are masked everywhere else.

    The audit keeps who saw them, and why.
    """
    require_action(request, reveal.ACTION)
    require(access.can(request.user, "view_log"))
    event = Event.objects.filter(position=position).first()
    if event is None:
        raise Http404(f"There is no event at position {position}.")
    by = request.user.get_username()
    return EventOut.of(event, data=reveal.reveal(event, by=by, reason=given.reason))
