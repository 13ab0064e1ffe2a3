"""``/releases``: versions of the code, and announcing one from a deployment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from flowdeck.api.letter_schemas import Reason
from flowdeck.api.problems import require, require_action
from flowdeck.engine import release
from flowdeck.models import Release
from flowdeck.people.access import can

router = Router(tags=["releases"])
_SHOWN = 100


class ReleaseIn(Schema):
    """A release that is deployed now."""

    name: Annotated[str, Field(min_length=1, max_length=release.LONGEST, pattern=r"^[ -~]+$")]
    note: Reason = ""


class ReleaseOut(Schema):
    """A release, and since when it is known; workers were last seen to have it then, if ever."""

    name: str
    first_seen_at: datetime
    last_seen_at: datetime | None
    note: str
    by: str


@router.get("/releases", response=list[ReleaseOut], summary="List releases")
def list_releases(request: HttpRequest) -> list[Release]:
    """The newest hundred, newest first."""
    require(can(request.user, "view_log"))
    return list(Release.objects.order_by("-first_seen_at")[:_SHOWN])


@router.post("/releases", response=ReleaseOut, summary="Announce a release")
def announce_release(request: HttpRequest, wanted: ReleaseIn) -> Release:
    """Say that it is deployed now. One that is known keeps its time, and gets the note."""
    require_action(request, "announce_release")
    release.announce(wanted.name, by=request.user.get_username(), note=wanted.note)
    return Release.objects.get(name=wanted.name)
