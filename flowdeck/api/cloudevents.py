"""``POST /events``: CloudEvents into the log."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from django.http import HttpRequest
from ninja import Field, Schema
from ninja.errors import HttpError

from flowdeck.api.auth import publishing
from flowdeck.api.problems import require_action
from flowdeck.api.router import router
from flowdeck.connect.cloudevent import CloudEvent, Unreadable, of_json, read
from flowdeck.connect.messages import STRUCTURED
from flowdeck.connect.posting import MOST, PostedConflict, post
from flowdeck.people.audit import refused

_BATCH = "application/cloudevents-batch+json"
_PRODUCER = 64
_ONE: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 500},
        "source": {"type": "string", "minLength": 1, "maxLength": 500},
        "type": {"type": "string", "description": "a declared event type"},
        "subject": {"type": "string", "description": "the stream"},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object", "description": "the payload"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _ONE},
            _BATCH: {"schema": {"type": "array", "items": _ONE, "maxItems": MOST}},
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "the payload alone; the rest is in headers `ce-*`",
                }
            },
        },
    }
}


class PostedOut(Schema):
    """Where an event is in the log."""

    id: str
    position: int
    known: bool = Field(description="it had been there before, by its source and id")


@router.post(
    "/events",
    response=list[PostedOut],
    summary="Publish CloudEvents",
    auth=publishing,
    openapi_extra=_BODY,
)
def post_events(request: HttpRequest) -> list[PostedOut]:
    """Publish one CloudEvent, in binary or structured form, or up to 500 in a batch: all or none.

    What has the same source and id as one before is taken for it, so whoever heard no answer sends
    it again. Their trace is that of `traceparent`, if there is one.
    """
    require_action(request, "publish_events")
    try:
        found = [_traced(request, one) for one in _messages(request)]
    except Unreadable as error:
        raise HttpError(422, str(error)) from error
    _within_scope(request, found)
    by = request.user.get_username()
    try:
        posted = post(found, producer=f"http.{by}"[:_PRODUCER])
    except PostedConflict as error:
        raise HttpError(409, str(error)) from error
    return [PostedOut(id=str(one.id), position=one.position, known=one.known) for one in posted]


def _messages(request: HttpRequest) -> list[CloudEvent]:
    """Raises Unreadable."""
    kind = request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind != _BATCH:
        return [read(_attributes(request, kind), request.body)]
    try:
        batch = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Unreadable("It is no JSON that can be read.") from error
    if not isinstance(batch, list) or not 1 <= len(batch) <= MOST:
        raise Unreadable(f"It is no list of 1 to {MOST} events.")
    return [of_json(one) for one in batch]


def _attributes(request: HttpRequest, kind: str) -> dict[str, str]:
    given = {
        name[3:].lower(): unquote(value)
        for name, value in request.headers.items()
        if name.lower().startswith("ce-")
    }
    return {**given, "content-type": kind}


def _traced(request: HttpRequest, message: CloudEvent) -> CloudEvent:
    """In the trace of the request, unless it says its own."""
    if message.correlation_id or "traceparent" not in request.headers:
        return message
    theirs = {"traceparent": request.headers["traceparent"], **message.extensions}
    return replace(message, extensions=theirs)


def _within_scope(request: HttpRequest, found: list[CloudEvent]) -> None:
    """Go on only if the token may send all of these types. Raises HttpError 403."""
    token = getattr(request, "api_token", None)
    allowed = token.types.split() if token is not None else []
    other = sorted({one.type for one in found} - set(allowed)) if allowed else []
    if other:
        reason = f"This token may send {', '.join(allowed)}, and not {other[0][:100]}."
        refused(
            "publish_events", by=request.user.get_username(), target=request.path, reason=reason
        )
        raise HttpError(403, reason)


__all__ = ["router"]
