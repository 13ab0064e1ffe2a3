"""``/timers``: what is due next, and letting it come now, at another time, or never."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status

from flowdeck.api.letter_schemas import GivenReason, Name
from flowdeck.api.problems import require, require_action
from flowdeck.api.schemas import MOST
from flowdeck.log import timers as acts
from flowdeck.models import Timer
from flowdeck.observe import timers as read
from flowdeck.observe.timers import Place, Wanted
from flowdeck.people.access import can

router = Router(tags=["timers"])


class TimerFilter(Schema):
    """Which open timers: those that fit all that is given."""

    type: Name = Field("", max_length=100)
    stream: Name = Field("", max_length=200)
    name: Name = Field("", max_length=100)
    after: int | None = Field(None, ge=0, le=2**63 - 1, description="the last one's id")
    limit: int = Field(50, ge=1, le=MOST)


class TimerOut(Schema):
    """One open timer: what will be appended, where and when."""

    id: int
    name: str
    stream: str
    type: str
    due_at: datetime
    set_at: datetime
    correlation_id: UUID
    causation_id: UUID | None
    producer: str

    @classmethod
    def of(cls, timer: Timer) -> TimerOut:
        """From its row."""
        return cls(**{name: getattr(timer, name) for name in cls.model_fields})


class TimerPage(Schema):
    """Timers, the next one first. ``next`` is where the following page begins, if there is one."""

    timers: list[TimerOut]
    next: int | None
    held: bool = Field(description="nothing comes until somebody releases all timers")


class ReasonIn(Schema):
    """Why it is done."""

    reason: GivenReason


class MovedIn(ReasonIn):
    """When it is to come instead."""

    at: datetime = Field(description="a time with its zone; one that is over means now")


@router.get("/timers", response=TimerPage, summary="List what is due next")
def list_timers(request: HttpRequest, wanted: Query[TimerFilter]) -> TimerPage:
    """Open timers that fit. Ask again with ``after`` set to ``next``."""
    require(can(request.user, "view_log"))
    after = None
    if wanted.after is not None:
        last = Timer.objects.filter(pk=wanted.after).first()
        if last is None:
            raise Http404(f"The timer {wanted.after} has come meanwhile: begin again.")
        after = Place(last.due_at, last.pk)
    page = read.due_next(Wanted(wanted.type, wanted.stream, wanted.name), after, most=wanted.limit)
    return TimerPage(
        timers=[TimerOut.of(one) for one in page.rows],
        next=page.next.number if page.next else None,
        held=read.held(),
    )


@router.post("/timers/{int:number}/fire", response={204: None}, summary="Let one come now")
def fire_timer(request: HttpRequest, number: int, wanted: ReasonIn) -> Any:
    """Within a second, as if it were due."""
    require_action(request, "operate_timers")
    by = request.user.get_username()
    return _changed(number, acts.move(number, None, by=by, reason=wanted.reason))


@router.post("/timers/{int:number}/cancel", response={204: None}, summary="Let one never come")
def cancel_timer(request: HttpRequest, number: int, wanted: ReasonIn) -> Any:
    """It ends without an event."""
    require_action(request, "operate_timers")
    by = request.user.get_username()
    return _changed(number, acts.call_off(number, by=by, reason=wanted.reason))


@router.post("/timers/{int:number}/move", response={204: None}, summary="Change when one comes")
def move_timer(request: HttpRequest, number: int, wanted: MovedIn) -> Any:
    """It comes at another time."""
    require_action(request, "operate_timers")
    by = request.user.get_username()
    return _changed(number, acts.move(number, wanted.at, by=by, reason=wanted.reason))


@router.post("/timers/hold", response={204: None}, summary="Hold all timers")
def hold_timers(request: HttpRequest, wanted: ReasonIn) -> Any:
    """Nothing comes until they are released."""
    require_action(request, "operate_timers")
    acts.hold(by=request.user.get_username(), reason=wanted.reason)
    return Status(204, None)


@router.post("/timers/release", response={204: None}, summary="Release all timers")
def release_timers(request: HttpRequest, wanted: ReasonIn) -> Any:
    """What is due comes at once, in its order."""
    require_action(request, "operate_timers")
    acts.go_on(by=request.user.get_username(), reason=wanted.reason)
    return Status(204, None)


def _changed(number: int, changed: bool) -> Any:
    if not changed:
        raise Http404(f"There is no open timer {number}: it has come, or was cancelled.")
    return Status(204, None)
