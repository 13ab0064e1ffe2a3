"""``/processors/{name}/limits``: other limits than the code says, and back to what that says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from flowdeck.api.letter_schemas import GivenReason, Name
from flowdeck.api.problems import require_action
from flowdeck.declare.limits import Limits
from flowdeck.engine import limiting
from flowdeck.errors import NotLimited, RegistrationError, UnknownProcessor

router = Router(tags=["limits"])
_MOST = 1_000_000


class LimitsIn(Schema):
    """Limits that are to hold, and why. What is left out is not limited."""

    concurrent: int | None = Field(None, ge=1, le=_MOST, description="in the air at once")
    per: Name = Field("", max_length=40, description="starts, like 10/s, 600/min or 5/2s")
    burst: int = Field(1, ge=1, le=_MOST, description="starts at once after a pause")
    reason: GivenReason


class RestoredIn(Schema):
    """Why."""

    reason: GivenReason


@router.post(
    "/processors/{name}/limits", response={204: None}, summary="Change the limits of a processor"
)
def change_limits(request: HttpRequest, name: str, wanted: LimitsIn) -> Any:
    """They hold from the next start on, over all workers, until somebody takes them back."""
    require_action(request, "change_limits")
    with _refused():
        limits = Limits(wanted.concurrent, wanted.per, wanted.burst)
        limiting.change(name, limits, by=request.user.get_username(), reason=wanted.reason)
    return Status(204, None)


@router.post(
    "/processors/{name}/limits/restore",
    response={204: None},
    summary="Let the limits of the code hold again",
)
def restore_limits(request: HttpRequest, name: str, wanted: RestoredIn) -> Any:
    """Whatever somebody has set; also if nobody has."""
    require_action(request, "change_limits")
    with _refused():
        limiting.restore(name, by=request.user.get_username(), reason=wanted.reason)
    return Status(204, None)


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except (UnknownProcessor, NotLimited) as error:
        raise Http404(str(error)) from error
    except RegistrationError as error:
        raise HttpError(422, str(error)) from error
