"""``/connectors``: outlets and inlets, pausing, resuming, rewinding."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema
from ninja.errors import HttpError
from pydantic import AwareDatetime

from flowdeck import parsing
from flowdeck.api.letter_schemas import GivenReason, Reason
from flowdeck.api.problems import require, require_action
from flowdeck.connect import asyncapi, control, posts
from flowdeck.connect.standing import Standing, held_keys, standing_of, standings
from flowdeck.errors import RewindRefused, SendRefused
from flowdeck.models import WebhookAttempt
from flowdeck.people.access import can

router = Router(tags=["connectors"])


class ConnectorOut(Schema):
    """One outlet or inlet."""

    name: str
    is_inlet: bool
    broker: str
    address: str = Field(description="of the broker, without user and password")
    place: str = Field(description="topic, queue or stream")
    position: int = Field(description="of the log, up to where an outlet has handed it on")
    behind: int = Field(description="events not handed on, or messages not taken in")
    bounded: bool = Field(description="behind is at least so many")
    seconds: float | None = Field(description="age of the oldest of them; null if not known")
    per_second: float
    moved: int = Field(description="messages of all time")
    keys: int = Field(description="keys that dead letters hold back")
    letters: int = Field(description="its dead letters")
    runs: bool = Field(description="whether some process runs it")
    error: str
    last_error: str
    failed_at: datetime | None
    paused_at: datetime | None
    paused_by: str
    pause_reason: str

    @classmethod
    def of(cls, row: Standing) -> ConnectorOut:
        """From its standing."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class HeldKeyOut(Schema):
    """A key that an outlet holds back."""

    key: str
    first: int = Field(description="position of the first event that waits")
    letters: int = Field(description="its dead letters")
    waiting: int = Field(description="events behind them")


class AttemptOut(Schema):
    """One try at posting to a webhook."""

    number: int = Field(description="of the attempt, by which older ones are asked for")
    position: int | None = Field(description="of the event; null: it was a test")
    type: str
    message: str = Field(description="the id that the receiver sees")
    attempt: int = Field(description="at this event, of those that are kept")
    at: datetime
    seconds: float
    status: int = Field(description="of the answer; 0: there was none")
    said: str = Field(description="the beginning of the answer, or why there is none")
    asked_by: str = Field(description="who had it sent; empty: it came by itself")
    next: str = Field(description="nothing, followed, again, turn, paused, letter or discarded")
    again_at: datetime | None

    @classmethod
    def of(cls, one: posts.Shown) -> AttemptOut:
        """From what is shown of it."""
        row = one.row
        kept = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        more = {"number": row.pk, "attempt": row.number, "next": one.next}
        return cls(**kept | more, again_at=one.again_at)


class SendAgain(Schema):
    """Which event, and why."""

    position: int = Field(ge=1, le=parsing.LARGEST)
    reason: GivenReason


class PausedConnector(Schema):
    """Why it is paused."""

    reason: GivenReason


class ResumedConnector(Schema):
    """Why it goes on, if there is something to say."""

    reason: Reason = ""


class RewindIn(Schema):
    """Where it is to go on, and why; without ``act`` it is a dry run."""

    to: Annotated[int, Field(ge=0, le=parsing.LARGEST)] | AwareDatetime = Field(
        description="a position, behind which it goes on, or a time, from which on"
    )
    reason: GivenReason
    act: bool = False
    seen: int | None = Field(None, ge=0, le=parsing.LARGEST, description="only if it is there")


class RewindOut(Schema):
    """What it comes to."""

    now: int
    to: int
    again: int | None = Field(description="messages sent again; null for an inlet")
    skipped: int = Field(description="events that are never sent")
    bounded: bool


@router.get("/connectors", response=list[ConnectorOut], summary="List connectors")
def list_connectors(request: HttpRequest) -> list[ConnectorOut]:
    """All that installed apps declare, with how they are doing."""
    require(can(request.user, "view_connectors"))
    return [ConnectorOut.of(row) for row in standings()]


@router.get(
    "/connectors/{name}/held", response=list[HeldKeyOut], summary="List the keys held by one"
)
def list_held_keys(request: HttpRequest, name: str) -> list[HeldKeyOut]:
    """The keys that wait for dead letters, the first hundred."""
    require(can(request.user, "view_connectors"))
    return [HeldKeyOut(**asdict(one)) for one in held_keys(name)]


@router.get(
    "/connectors/{name}/attempts", response=list[AttemptOut], summary="List the attempts of one"
)
def list_attempts(
    request: HttpRequest,
    name: str,
    failed: bool = False,
    before: Annotated[int, Query(ge=1, le=parsing.LARGEST)] | None = None,
) -> list[AttemptOut]:
    """The newest tries of an outlet to a webhook, fifty at a time."""
    require(can(request.user, "view_connectors"))
    return [AttemptOut.of(one) for one in posts.shown(name, failed=failed, before=before)][
        : posts.PAGE
    ]


@router.post("/connectors/{name}/test", response=AttemptOut, summary="Test a webhook")
def test_webhook(request: HttpRequest, name: str) -> AttemptOut:
    """Post a signed message of the type flowdeck.test, and say what the target answers."""
    require_action(request, "manage_connectors")
    return _tried(name, posts.test(name, by=request.user.get_username()))


@router.post("/connectors/{name}/again", response=AttemptOut, summary="Send an event again")
def send_again(request: HttpRequest, name: str, wanted: SendAgain) -> AttemptOut:
    """Post an event to the webhook once more, and say what the target answers."""
    require_action(request, "manage_connectors")
    by = request.user.get_username()
    try:
        return _tried(name, posts.again(name, wanted.position, by=by, reason=wanted.reason))
    except SendRefused as error:
        raise HttpError(422, str(error)) from error


@router.post("/connectors/{name}/pause", response=ConnectorOut, summary="Pause a connector")
def pause_connector(request: HttpRequest, name: str, wanted: PausedConnector) -> ConnectorOut:
    """Let it rest where it is. One that is paused stays so, for its first reason."""
    require_action(request, "manage_connectors")
    control.pause(name, by=request.user.get_username(), reason=wanted.reason)
    return _one(name)


@router.post("/connectors/{name}/resume", response=ConnectorOut, summary="Resume a connector")
def resume_connector(request: HttpRequest, name: str, wanted: ResumedConnector) -> ConnectorOut:
    """Let it go on."""
    require_action(request, "manage_connectors")
    control.resume(name, by=request.user.get_username(), reason=wanted.reason)
    return _one(name)


@router.post("/connectors/{name}/rewind", response=RewindOut, summary="Rewind a connector")
def rewind_connector(request: HttpRequest, name: str, wanted: RewindIn) -> RewindOut:
    """Set it to a position of the log or a time, and it goes on there; first see what that is."""
    require_action(request, "rewind_connectors")
    try:
        if not wanted.act:
            found = control.would_rewind(name, wanted.to)
        else:
            by = request.user.get_username()
            found = control.rewind(name, wanted.to, by=by, reason=wanted.reason, seen=wanted.seen)
    except RewindRefused as error:
        raise HttpError(422, str(error)) from error
    return RewindOut(**asdict(found))


@router.get("/asyncapi.json", response=dict[str, Any], summary="Describe the events")
def describe_events(request: HttpRequest) -> dict[str, Any]:
    """The AsyncAPI 3.0 document: event types with their schemas, processors, outlets and inlets."""
    require(can(request.user, "view_log"))
    return asyncapi.document("Flowdeck", "1.0.0")


def _tried(name: str, row: WebhookAttempt) -> AttemptOut:
    found = posts.one(name, row.pk)
    assert found is not None  # it was written just now
    return AttemptOut.of(found)


def _one(name: str) -> ConnectorOut:
    return ConnectorOut.of(standing_of(name))
