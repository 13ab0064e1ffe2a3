"""Repairs as they are asked for: a row that a worker proves, and that is confirmed or forgotten.

The web process writes the row and rings; a handler never runs in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flowdeck import clock
from flowdeck.bells import bell
from flowdeck.database import transaction
from flowdeck.declare.event import StoredEvent
from flowdeck.models import Repair
from flowdeck.privacy.sealing import opened_texts, sealed_texts, subjects_of
from flowdeck.repair.confirming import confirm
from flowdeck.repair.proof import NoRepair, edited, letter, prove

OLD = timedelta(minutes=5)
"""A proof that is older has to be made again."""
_KEPT = timedelta(days=1)
_RING_AGAIN = timedelta(seconds=3)
_PLACE = "repair"
State = Repair.State


@dataclass(frozen=True, slots=True)
class Proposal:
    """A repair as it stands: its row, the payload and the proof (empty before there is one)."""

    row: Repair
    payload: Mapping[str, Any]
    proof: Mapping[str, Any]

    @property
    def open(self) -> bool:
        """Whether a worker is still to say what comes of it."""
        return self.row.state in (State.ASKED, State.RUNNING)

    @property
    def old(self) -> bool:
        """Whether it has to be proved again."""
        return self.row.finished_at is not None and clock.now() - self.row.finished_at > OLD


def ask(number: int, given: Mapping[str, Any], *, by: str) -> Repair:
    """Propose to replace fields of a letter's payload; a worker proves it.

    Raises NoRepair for a letter that is not dead, or a payload that does not fit its schema.
    """
    found = letter(number)
    payload = edited(found, given)
    now = clock.now()
    with transaction.atomic():
        Repair.objects.filter(asked_at__lt=now - _KEPT).exclude(state=State.CONFIRMED).delete()
        text = _sealed(found.event, {"payload": payload})
        row = Repair.objects.create(letter=number, by=by, text=text, asked_at=now)
        transaction.on_commit(lambda: bell.start_proof(row.pk))
    return row


def look(number: int) -> Proposal | None:
    """The repair of this number; rings again if nobody has answered. One query, or two."""
    row = Repair.objects.filter(pk=number).first()
    if row is None:
        return None
    if row.state == State.ASKED and clock.now() - row.asked_at > _RING_AGAIN:
        bell.start_proof(row.pk)
    return _proposal(row)


def execute(number: int) -> None:
    """Prove a repair that was asked for, in this process; nothing if it is not waiting."""
    waiting = Repair.objects.filter(pk=number, state=State.ASKED)
    if not waiting.update(state=State.RUNNING):
        return
    row = Repair.objects.get(pk=number)
    held = _opened(row)
    try:
        if "payload" not in held:
            raise NoRepair("It is about somebody who was forgotten since.")
        found = letter(row.letter)
        proof = prove(found, held["payload"], by=row.by, reason="(proof)")
        with transaction.atomic():
            row.text = _sealed(found.event, {**held, "proof": proof.as_dict()})
        row.state, row.digest = State.PROVED, proof.digest
    except NoRepair as error:
        row.state, row.why = State.REFUSED, str(error)
    except Exception as error:
        row.state, row.why = State.REFUSED, f"It could not be tried: {type(error).__name__}."
        raise
    finally:
        row.finished_at = clock.now()
        row.save()


def carry_out(number: int, *, by: str, reason: str, unproved: bool = False) -> int:
    """Confirm a repair that was proved; the position of its correction.

    One whose handler could not be tried to its end needs to be meant ``unproved``. Raises NoRepair.
    """
    with transaction.atomic():
        row = Repair.objects.select_for_update().filter(pk=number).first()
        if row is None or row.state != State.PROVED:
            raise NoRepair("There is no proof of it. Prove it first.")
        found = _proposal(row)
        if found.old:
            raise NoRepair("Its proof is older than five minutes. Prove it again.")
        allowed(found.proof, unproved=unproved)
        row.written = confirm(row.letter, found.payload, row.digest, by=by, reason=reason)
        row.state = State.CONFIRMED
        row.save()
    return row.written


def allowed(proof: Mapping[str, Any], *, unproved: bool) -> None:
    """Raise NoRepair if what a proof says does not let it be confirmed."""
    if not proof.get("proved") and not (unproved and proof.get("untried")):
        why = proof["steps"][0]["why"] if proof.get("steps") else "there is no proof"
        raise NoRepair(f"It would not help: {why}")


def _proposal(row: Repair) -> Proposal:
    held = _opened(row)
    return Proposal(row, held.get("payload", {}), held.get("proof", {}))


def _sealed(event: StoredEvent, held: Mapping[str, Any]) -> str:
    subjects = subjects_of(event)
    (text,) = sealed_texts([(_PLACE, subjects, json.dumps(held, default=str))])
    return text


def _opened(row: Repair) -> dict[str, Any]:
    (text,) = opened_texts([(_PLACE, row.text)])
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
