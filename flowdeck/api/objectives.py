"""``/objectives``: how they stand, and setting them."""

from __future__ import annotations

from typing import Annotated

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from flowdeck.api.problems import require, require_action
from flowdeck.declare.objectives import LONGEST_NAME, declared
from flowdeck.models import Objective
from flowdeck.objectives import setting
from flowdeck.objectives.standing import Standing, standings
from flowdeck.people.access import can

router = Router(tags=["objectives"])


class ObjectiveIn(Schema):
    """Of the traces that begin with one event, so many percent are to reach another in time."""

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[ -~]+$")]
    began_with: Annotated[str, Field(max_length=100, pattern=r"^[ -~]*$")]
    reaches: Annotated[str, Field(max_length=100, pattern=r"^[ -~]*$")]
    within: Annotated[float, Field(gt=0, le=86_400, description="seconds")]
    target: Annotated[float, Field(gt=0, lt=100, description="percent")]
    days: Annotated[int, Field(ge=1, le=90)] = 30


class BurnOut(Schema):
    """How many times as fast as it may the budget burns in a window; null if nothing began."""

    window: str
    burn: float | None


class ObjectiveOut(Schema):
    """An objective and how it stands. ``left`` is percent of the budget, below 0 if more is gone;
    ``share`` percent that got there in time; null if nothing began."""

    id: int
    name: str
    began_with: str
    reaches: str
    within: float
    target: float
    days: int
    in_code: bool
    begun: int
    reached: int
    share: float | None
    left: float | None
    burns: list[BurnOut]
    burns_too_fast: bool

    @classmethod
    def of(cls, one: Standing) -> ObjectiveOut:
        """From how it stands."""
        row = one.row
        told = {name: getattr(row, name) for name in ("name", "began_with", "reaches")}
        numbers = {name: getattr(row, name) for name in ("within", "target", "days")}
        return cls(
            id=row.pk,
            in_code=row.name in declared,
            begun=one.whole.begun,
            reached=one.whole.reached,
            share=one.whole.share,
            left=one.left,
            burns=[BurnOut(window=window, burn=burn) for window, burn in one.burns],
            burns_too_fast=one.burns_too_fast,
            **told,
            **numbers,
        )


@router.get("/objectives", response=list[ObjectiveOut], summary="List the objectives")
def list_objectives(request: HttpRequest) -> list[ObjectiveOut]:
    """All of them, by name, with what is left of their budgets."""
    require(can(request.user, "view_alerts"))
    return [ObjectiveOut.of(one) for one in standings()]


@router.post("/objectives", response=ObjectiveOut, summary="Set an objective")
def set_objective(request: HttpRequest, wanted: ObjectiveIn) -> ObjectiveOut:
    """A new one, or the one of this name otherwise: then it is judged anew from the log."""
    require_action(request, "manage_alerts")
    known = Objective.objects.filter(name=wanted.name).values_list("pk", flat=True).first()
    try:
        row = setting.save(known, wanted.name, wanted.dict(), by=request.user.get_username())
    except setting.ObjectiveRefused as error:
        raise HttpError(422, str(error)) from error
    return next(ObjectiveOut.of(one) for one in standings() if one.row.pk == row.pk)


@router.post("/objectives/{int:number}/delete", response={204: None}, summary="Delete an objective")
def delete_objective(request: HttpRequest, number: int) -> Status[None]:
    """Forget it and its figures. One that code declares is not to be deleted."""
    require_action(request, "manage_alerts")
    try:
        setting.delete(number, by=request.user.get_username())
    except setting.ObjectiveRefused as error:
        raise HttpError(422, str(error)) from error
    except Objective.DoesNotExist as error:
        raise Http404(f"There is no objective {number}.") from error
    return Status(204, None)
