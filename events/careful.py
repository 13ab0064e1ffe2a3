"""One delivery at a time, for a lane on which workers have died.

A handler that kills its process (memory, native code, os._exit) leaves no exception behind, only a
claim that never ended. When that has happened often enough on a lane, each delivery is noted on the
lane before it is tried alone; the one that is found noted after yet another death becomes a dead
letter. A lane goes back to batches when nothing is due on it any more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import transaction

from events import batch
from events.attempt import died
from events.batch import Batch
from events.conf import conf
from events.lanes import Claim
from events.models import Lane
from events.registry import Processor
from events.sql import DueDelivery

# Between noting a delivery and locking the lane for it, another worker may look at the note.
_SURELY_DEAD = timedelta(seconds=3)


def run_one(processor: Processor, claim: Claim) -> Batch:
    """Work on the first due delivery of the one claimed lane, or bury it if it kills workers."""
    with transaction.atomic():
        lane = Lane.objects.select_for_update(skip_locked=True).filter(
            pk=claim.lanes[0].id, token=claim.token
        )
        held = lane.first()
        if held is None:
            return Batch()
        due = batch.fetch(processor, claim.lanes, 1)
        if not due:
            lane.update(claims=0, suspect=None, token=None, lease_expires_at=None)
            return Batch()
        if held.suspect == due[0].id and held.claims > 1:
            return _bury_if_dead(processor, held, due[0])
        lane.update(suspect=due[0].id, suspected_at=datetime.now(UTC))
    done = batch.run(processor, claim, 1)
    # Still careful: the culprit may be further back.
    Lane.objects.filter(pk=claim.lanes[0].id).update(suspect=None, claims=conf().CRASHES + 1)
    return done


def _bury_if_dead(processor: Processor, lane: Lane, due: DueDelivery) -> Batch:
    if lane.suspected_at and datetime.now(UTC) - lane.suspected_at < _SURELY_DEAD:
        return Batch()
    outcome = died(processor, due)
    batch.finish([outcome])
    lane.suspect, lane.claims, lane.token, lane.lease_expires_at = None, 0, None, None
    lane.save()
    done = Batch(1, [outcome])
    transaction.on_commit(lambda: batch.tell(processor, done))
    return done
