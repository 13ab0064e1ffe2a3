"""``GET /events/stream``: the log as it grows, as server-sent events.

Whoever reads it needs no broker: events come in order, none is left out, and after a break it goes
on behind the last one that came (``Last-Event-ID``). An answer ends after a minute; clients of such
streams come back by themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterator
from typing import Any

from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Field, Query, Schema
from ninja.errors import HttpError

from flowdeck import parsing
from flowdeck.api.budget import affordable
from flowdeck.api.problems import require
from flowdeck.api.webhooks import router
from flowdeck.conf import conf
from flowdeck.database import connection
from flowdeck.declare.event import StoredEvent
from flowdeck.log.horizon import horizon
from flowdeck.log.positions import newest_position
from flowdeck.people.access import can
from flowdeck.privacy.sealing import gone
from flowdeck.sql import dialect
from flowdeck.sql.parts import placeholders
from flowdeck.transfer.exporting import as_masked

_LASTS = 60.0
_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_BEAT = 15.0  # seconds of silence after which it says that it is alive
_MOST, _STRETCH = 200, 20_000
_PATIENCE = 0.2
_MOST_TYPES = 50


_open = Counter[Hashable]()
"""Streams by the person who reads them, in this process's one event loop."""


class Followed(Schema):
    """From where on, and which types."""

    after: int | None = Field(
        None, ge=0, le=parsing.LARGEST, description="positions above this one; else from now on"
    )
    type: list[str] = Field([], max_length=_MOST_TYPES, description="of these types only")


@router.get("/events/stream", summary="Follow the log", response={200: str})
def follow_events(request: HttpRequest, wanted: Query[Followed]) -> Any:
    """Server-sent events: the id is the position, the event its type, the data a CloudEvent.

    Personal values are masked. `Last-Event-ID` decides over `after`. One person has as many open
    streams as live pages.
    """
    require(can(request.user, "view_log"))
    came = parsing.number(request.headers.get("Last-Event-ID", ""))
    start = wanted.after if came is None else came
    follower = _Follower(_from_now_on() if start is None else start, tuple(wanted.type))
    if isinstance(request, ASGIRequest):
        user = request.user.pk
        if _open[user] >= conf().LIVE_SOCKETS_PER_USER:
            raise HttpError(429, "You have as many open streams as one person may have.")
        answer = StreamingHttpResponse(_live(follower, user), content_type="text/event-stream")
    else:  # a server without async would be held up: it gives what is there
        answer = StreamingHttpResponse(follower.rest(), content_type="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _from_now_on() -> int:
    """Up to where all is visible: what commits late behind it is still to come."""
    newest = newest_position()
    return horizon(max(0, newest - _STRETCH), _PATIENCE).position


class _Follower:
    """Where one answer is in the log."""

    def __init__(self, after: int, types: tuple[str, ...]) -> None:
        self._after, self._types = after, types

    def next(self) -> str | None:
        """The next events, as they are sent; None if there is nothing new."""
        if newest_position() <= self._after:
            return None
        upto = min(horizon(self._after, _PATIENCE).position, self._after + _STRETCH)
        if upto <= self._after:
            return None
        found = self._read(upto)
        events = affordable(found, lambda event: len(event.data))
        cut = len(found) == _MOST or len(events) < len(found)
        self._after = events[-1].position if cut else upto
        missing = gone([event.payload for event in events])
        told = [
            f"id: {event.position}\nevent: {event.type}\ndata: {as_masked(event, missing)}\n\n"
            for event in events
        ]
        # Of what was passed by the client need not be told again.
        return "".join([*told, f"id: {self._after}\n\n"])

    def rest(self) -> Iterator[str]:
        """All that is there by now."""
        yield "retry: 1000\n\n"
        for _ in range(_MOST):
            if (part := self.next()) is None:
                return
            yield part

    def _read(self, upto: int) -> list[StoredEvent]:
        where, values = "WHERE position > %s AND position <= %s", list[object]([self._after, upto])
        if self._types:
            where += f" AND type IN ({placeholders(self._types)})"
            values += self._types
        with connection.cursor() as cursor:
            return dialect().select_events(
                cursor, f"{where} ORDER BY position LIMIT {_MOST}", values
            )


async def _live(follower: _Follower, user: Hashable) -> AsyncIterator[str]:
    end, said, pause = time.monotonic() + _LASTS, time.monotonic(), _PAUSE
    _open[user] += 1
    try:
        yield "retry: 1000\n\n"
        while time.monotonic() < end:
            part = await database_sync_to_async(follower.next, thread_sensitive=False)()
            if part is not None:
                said, pause = time.monotonic(), _PAUSE
                yield part
                continue
            if time.monotonic() - said > _BEAT:
                said = time.monotonic()
                yield ": alive\n\n"
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    finally:
        _open[user] -= 1
        if not _open[user]:
            del _open[user]


__all__ = ["router"]
