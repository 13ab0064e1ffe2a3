"""``/dead-letters/{number}/repairs`` and ``/repairs``: propose, read the proof, confirm."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import ConfigDict, JsonValue

from flowdeck.api.letter_schemas import GivenReason
from flowdeck.api.problems import require_action
from flowdeck.repair import asking
from flowdeck.repair.proof import NoRepair

router = Router(tags=["dead letters"])
_ACTION = "repair_dead_letters"


class Proposed(Schema):
    """Fields of the payload and what they are to be; the others stay."""

    model_config = ConfigDict(extra="forbid")
    data: dict[str, JsonValue] = Field(min_length=1, max_length=500)


class Confirmed(Schema):
    """Why, and whether it is meant although the handler could not be tried to its end."""

    model_config = ConfigDict(extra="forbid")
    reason: GivenReason
    unproved: bool = False


class RepairOut(Schema):
    """A repair: its ``proof`` is there once it is ``proved``, ``why`` if it is ``refused``."""

    id: int
    letter: int
    by: str
    state: Literal["asked", "running", "proved", "refused", "confirmed"]
    why: str
    old: bool = Field(description="older than five minutes: propose it again")
    proof: dict[str, Any] = Field(
        description="`proved`, `changes`, and `steps`: what each delivery would do"
    )
    written: int | None = Field(description="position of the correction")
    asked_at: datetime
    finished_at: datetime | None

    @classmethod
    def find(cls, number: int) -> RepairOut:
        """The repair of this number. Raises Http404."""
        found = asking.look(number)
        if found is None:
            raise Http404(f"There is no repair {number}.")
        row = found.row
        given = {name: getattr(row, name) for name in cls.model_fields if hasattr(row, name)}
        return cls(**given, old=found.old, proof=dict(found.proof))


@router.post(
    "/dead-letters/{int:number}/repairs",
    response={202: RepairOut},
    summary="Propose another payload for a dead letter",
)
def propose_repair(request: HttpRequest, number: int, wanted: Proposed) -> Any:
    """A worker runs the handler with it, and what waits behind it, and rolls that back.

    Nothing is written but the proposal; read what the proof says with its ``id``.
    """
    require_action(request, _ACTION)
    try:
        row = asking.ask(number, wanted.data, by=request.user.get_username())
    except NoRepair as error:
        raise HttpError(422, f"data: {error}") from None
    return Status(202, RepairOut.find(row.pk))


@router.get("/repairs/{int:number}", response=RepairOut, summary="Read a proof")
def get_repair(request: HttpRequest, number: int) -> RepairOut:
    """A repair as it stands; with its proof, masked, once a worker has run it."""
    require_action(request, _ACTION)
    return RepairOut.find(number)


@router.post("/repairs/{int:number}/confirm", response=RepairOut, summary="Confirm a repair")
def confirm_repair(request: HttpRequest, number: int, wanted: Confirmed) -> RepairOut:
    """Append the correction and retry the letter, if all is as it was proved; else 409."""
    require_action(request, _ACTION)
    RepairOut.find(number)
    by = request.user.get_username()
    try:
        asking.carry_out(number, by=by, reason=wanted.reason, unproved=wanted.unproved)
    except NoRepair as error:
        raise HttpError(409, str(error)) from None
    return RepairOut.find(number)
