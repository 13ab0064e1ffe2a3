"""Confirming: the correction is written and the letter retried, if all is as it was proved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdeck.database import transaction
from flowdeck.letters import dead_letters, floors
from flowdeck.log import corrections
from flowdeck.models import Due
from flowdeck.people import audit
from flowdeck.repair.proof import NoRepair, letter


def confirm(number: int, payload: Mapping[str, Any], digest: str, *, by: str, reason: str) -> int:
    """Correct the event of a letter and retry it, in one transaction; the correction's position.

    ``digest`` is that of the proof. Leaves an entry in the audit. Raises NoRepair if the letter,
    what waits behind it or its payload is not what was proved.
    """
    with transaction.atomic():
        # As whoever retries does: the lane's lock first.
        floors.lower(Due.objects.filter(letter=number).values_list("processor", "slot"))
        found = letter(number)
        if found.digest(payload) != digest:
            raise NoRepair("Meanwhile it is otherwise than it was proved. Prove it again.")
        written = corrections.correct(found.event, payload, by=by, reason=reason)
        place = (found.event.position, found.processor.name)
        entry = audit.record(
            "repair",
            by=by,
            target=f"dead letter {number} ({found.event.type} at {place[0]}, {place[1]})",
            count=1,
            reason=reason,
        )
        dead_letters.note_retry(dead_letters.dead().filter(letter=number), by)
        dead_letters.resolve([number], "retry", by=by, reason=reason, entry=entry.pk)
    return written
