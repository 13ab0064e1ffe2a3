"""``/dead-letters``: groups, letters, retrying, discarding, and bulk actions."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Header, Query, Router, Status
from ninja.errors import HttpError

from flowdeck.api.letter_schemas import (
    BulkIn,
    BulkOut,
    Discarded,
    Fitting,
    GroupFilter,
    GroupOut,
    LetterDetail,
    LetterFilter,
    LetterOut,
    LetterPage,
    Resolution,
    Retried,
    StatusIn,
)
from flowdeck.api.problems import require, require_action
from flowdeck.database import transaction
from flowdeck.declare.states import DeliveryState
from flowdeck.errors import OtherLetters
from flowdeck.letters import bulk, dead_letters
from flowdeck.letters.groups import groups, set_status
from flowdeck.letters.question import Question
from flowdeck.models import BulkAction, Due, Submission
from flowdeck.people.access import can

router = Router(tags=["dead letters"])


@router.get("/dead-letters/groups", response=list[GroupOut], summary="Count dead letters")
def list_letter_groups(request: HttpRequest, wanted: Query[GroupFilter]) -> list[GroupOut]:
    """The largest groups of the dead letters that fit."""
    require(can(request.user, "view_dead_letters"))
    return [GroupOut.of(group) for group in groups(wanted.by, wanted.criteria())]


@router.get("/dead-letters", response=LetterPage, summary="List dead letters")
def list_letters(request: HttpRequest, wanted: Query[LetterFilter]) -> LetterPage:
    """Dead letters that fit, oldest first. Ask again with ``after`` set to ``next``."""
    require(can(request.user, "view_dead_letters"))
    letters = wanted.criteria().letters().select_related("event")
    if wanted.after is not None:
        letters = letters.filter(letter__gt=wanted.after)
    found = list(letters[: wanted.limit + 1])
    page = found[: wanted.limit]
    following = page[-1].letter if len(found) > wanted.limit else None
    return LetterPage(letters=[LetterOut.of(one) for one in page], next=following)


@router.get("/dead-letters/{int:number}", response=LetterDetail, summary="Read a dead letter")
def get_letter(request: HttpRequest, number: int) -> LetterDetail:
    """One letter with its event and failed attempts, also after it was resolved."""
    require(can(request.user, "view_dead_letters"))
    found = LetterDetail.find(number)
    if found is None:
        raise Http404(f"There is no dead letter {number}.")
    return found


@router.post("/dead-letters/retries", response=Resolution, summary="Retry some dead letters")
def retry_letters(request: HttpRequest, wanted: Retried) -> Resolution:
    """Make up to 500 of them due again; ``resolved`` says how many still were dead."""
    require_action(request, "retry_dead_letters")
    by = request.user.get_username()
    done = dead_letters.retry(wanted.letters, by=by, reason=wanted.reason)
    return Resolution(asked=len(wanted.letters), resolved=done)


@router.post("/dead-letters/discards", response=Resolution, summary="Discard some dead letters")
def discard_letters(request: HttpRequest, wanted: Discarded) -> Resolution:
    """Give up to 500 of them up for good; ``resolved`` says how many still were dead."""
    require_action(request, "retry_dead_letters")
    by = request.user.get_username()
    done = dead_letters.discard(wanted.letters, by=by, reason=wanted.reason)
    return Resolution(asked=len(wanted.letters), resolved=done)


@router.post(
    "/dead-letters/bulk",
    response={200: Fitting, 202: BulkOut},
    summary="Retry or discard all that fit",
)
def ask_bulk(
    request: HttpRequest,
    wanted: BulkIn,
    idempotency_key: str = Header(  # type: ignore[type-arg]
        "", alias="Idempotency-Key", max_length=100
    ),
) -> Any:
    """Begin a bulk action over every dead letter that fits now; watch it with its ``id``.

    With an ``Idempotency-Key``, who heard no answer asks again and gets the same action.

    With ``dry_run`` nothing is done: the answer says how many fit, and gives a ``seen``. Without it
    nothing is begun, and with it the action is refused with 409 if other letters fit by now.
    """
    require_action(request, "retry_dead_letters")
    if wanted.action == "discard" and not wanted.reason:
        raise HttpError(422, "reason: say why: a discard needs a reason")
    criteria = wanted.criteria()
    if not (criteria or wanted.all):
        raise HttpError(422, "all: give a filter, or say that you mean all of them")
    if wanted.dry_run:
        question = Question.about(criteria.letters(), "letter")
        return Status(200, Fitting(total=question.count, seen=question.digest))
    if not wanted.seen:
        raise HttpError(422, "seen: ask with dry_run first, and send what it says along")

    def ask() -> BulkAction:
        return bulk.ask(
            wanted.action,
            criteria,
            by=request.user.get_username(),
            reason=wanted.reason,
            graduated=wanted.graduated,
            per_second=wanted.per_second,
            delay=wanted.delay,
            seen=wanted.seen,
        )

    try:
        row = _asked_once(request, idempotency_key, ask)
    except OtherLetters as error:
        raise HttpError(409, f"seen: {error}") from None
    return Status(202, BulkOut.of(row))


def _asked_once(request: HttpRequest, key: str, ask: Callable[[], BulkAction]) -> BulkAction:
    """What was asked for under this key before; else it is asked for now."""
    if not key:
        return ask()
    digest = sha256(f"bulk {request.user.pk} {key}".encode()).hexdigest()
    with transaction.atomic():
        sent, is_first = Submission.objects.get_or_create(pk=digest)
        if not is_first:
            return BulkAction.objects.get(pk=sent.answer)
        row = ask()
        sent.answer = str(row.pk)
        sent.save(update_fields=["answer"])
    return row


@router.get("/dead-letters/bulk/{int:number}", response=BulkOut, summary="Watch a bulk action")
def get_bulk(request: HttpRequest, number: int) -> BulkOut:
    """How far it is."""
    require(can(request.user, "view_dead_letters"))
    return BulkOut.of(_bulk(number))


@router.post(
    "/dead-letters/bulk/{int:number}/cancel", response=BulkOut, summary="Stop a bulk action"
)
def cancel_bulk(request: HttpRequest, number: int) -> BulkOut:
    """Stop it where it is. One that has ended stays as it is."""
    require_action(request, "retry_dead_letters")
    _bulk(number)
    bulk.cancel(number, by=request.user.get_username())
    return BulkOut.of(_bulk(number))


@router.post(
    "/dead-letters/groups/{fingerprint}", response={204: None}, summary="Say who looks after it"
)
def set_letter_group_status(request: HttpRequest, fingerprint: str, wanted: StatusIn) -> Any:
    """Acknowledge a group of dead letters, put it on hold, or open it again."""
    require_action(request, "retry_dead_letters")
    if not Due.objects.filter(fingerprint=fingerprint[:32], state=DeliveryState.DEAD).exists():
        raise Http404(f"There is no group {fingerprint[:32]}.")
    set_status(
        fingerprint,
        wanted.status,
        by=request.user.get_username(),
        note=wanted.note,
        hours=wanted.hours,
    )
    return Status(204, None)


def _bulk(number: int) -> BulkAction:
    row = BulkAction.objects.filter(pk=number).first()
    if row is None:
        raise Http404(f"There is no bulk action {number}.")
    return row
