"""One delivery at a time, for a lane on which workers have died.

A handler that kills its process (memory, native code, os._exit) leaves no exception behind, only a
claim that never ended. When that has happened often enough on a lane, each delivery is noted on the
lane before it is tried alone; the one that is found noted after two more deaths becomes a dead
letter (one may be a coincidence: a host that failed, a database that was away). A lane goes back to
batches when nothing is due on it any more.

A handler that ends its connection instead is found in the same way, and what was raised then goes
into the dead letter. A claim that ended with a fault which the connection has outlived (a lock that
took too long, a deadlock) says nothing about its deliveries, so it is not counted.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import F

from flowdeck import clock, telemetry
from flowdeck.conf import conf
from flowdeck.database import connection, transaction
from flowdeck.declare.registry import Processor
from flowdeck.declare.states import UNFINISHED
from flowdeck.engine import batch, settling, taking, watchdog
from flowdeck.engine import faults as infrastructure
from flowdeck.engine.failure import written
from flowdeck.engine.lanes import Claim
from flowdeck.engine.outcome import Outcome, died
from flowdeck.engine.settling import Batch
from flowdeck.engine.watchdog import Watched
from flowdeck.models import Due, Lane
from flowdeck.sql import DueDelivery

# Between noting a delivery and locking the lane for it, another worker may look at the note.
_SURELY_DEAD = timedelta(seconds=3)
_DEATHS_ALONE = 2
_GIVEN_UP = 3.0  # seconds for the server to notice that a connection was cut
logger = logging.getLogger("flowdeck")


def run_one(processor: Processor, claim: Claim) -> Batch:
    """Work on the first due delivery of the one claimed lane, or bury it if it kills workers."""
    with transaction.atomic():
        lane = Lane.objects.select_for_update(skip_locked=True).filter(
            pk=claim.lanes[0].id, token=claim.token
        )
        held = lane.first()
        if held is None:
            return Batch()
        due = taking.fetch(processor, claim, 1)
        if not due:
            lane.update(claims=0, suspect=None, token=None, lease_expires_at=None)
            return Batch()
        now = clock.now()
        if held.suspect != due[0].position:
            count = conf().CRASHES + 1
            lane.update(suspect=due[0].position, suspected_at=now, claims=count, last_exception="")
        elif held.suspected_at and now - held.suspected_at < _SURELY_DEAD:
            # Another thread of the same worker may have said already that its claims ended well.
            lane.update(claims=max(0, held.claims - 1), token=None, lease_expires_at=None)
            return Batch()
        elif held.claims - conf().CRASHES - 1 >= _DEATHS_ALONE:
            return _bury(processor, held, due)
        else:
            lane.update(suspected_at=now)
    done = batch.run(processor, claim, 1)
    # As long as anything is due the culprit may be further back. A lane without due work is not
    # claimed any more, so this is where it is trusted again.
    calm = not taking.fetch(processor, claim, 1)
    claims = 0 if calm else conf().CRASHES + 1
    lanes = Lane.objects.filter(pk=claim.lanes[0].id)
    lanes.update(suspect=None, claims=claims, last_exception="")
    return done


def note(processor: Processor, claim: Claim, error: Exception) -> None:
    """Write on the lanes of ``claim`` that it ended with ``error``, and let go of them.

    Raises nothing if the database is away: then the lease runs out, and the claim stays counted.
    """
    harmless = infrastructure.is_harmless(error)
    try:
        connection.close_if_unusable_or_obsolete()
        with transaction.atomic():
            ours = Lane.objects.select_for_update(skip_locked=True).filter(
                pk__in=claim.ids, token=claim.token
            )
            lanes = Lane.objects.filter(pk__in=list(ours.values_list("pk", flat=True)))
            lanes.update(token=None, lease_expires_at=None)
            if harmless:
                lanes.filter(claims__gt=0).update(claims=F("claims") - 1, suspect=None)
            else:
                lanes.update(last_exception=written(error))
    except DatabaseError as second:
        telemetry.emit(telemetry.InfrastructureFault(processor.name, second))


def write_down(processor: Processor, claim: Claim, outcome: Outcome, hanging: Watched) -> None:
    """Keep what became of a handler that hears nothing, from another thread than its own.

    An atomic one holds its lanes in a transaction that will not end: its connection is cut, so the
    server gives it up. SQLite's can't be ended but with the process: then the delivery is found as
    one that kills its worker.
    """
    if processor.atomic and connection.vendor == "sqlite":
        return
    if processor.atomic:
        watchdog.cut(hanging)
    end = time.monotonic() + _GIVEN_UP
    while time.monotonic() < end:
        if _written(processor, claim, outcome):
            settling.tell(processor, Batch(1, [outcome]))
            return
        time.sleep(0.05)
    logger.error("The lanes of %s could not be had, so nothing is written down.", hanging.where)


def _written(processor: Processor, claim: Claim, outcome: Outcome) -> bool:
    with transaction.atomic():
        ours = Lane.objects.select_for_update(skip_locked=True).filter(
            pk__in=claim.ids, token=claim.token
        )
        if len(list(ours)) < len(claim.lanes):
            return False
        open_ = Due.objects.filter(
            event_id=outcome.due.position, processor=processor.name, state__among=UNFINISHED
        )
        if open_.exists():
            settling.finish(processor, [outcome])
        Lane.objects.filter(pk__in=claim.ids).update(token=None, lease_expires_at=None, claims=0)
    return True


def _bury(processor: Processor, lane: Lane, due: list[DueDelivery]) -> Batch:
    outcomes = [died(processor, one, lane.last_exception) for one in due]
    settling.finish(processor, outcomes)
    lane.suspect, lane.claims, lane.token, lane.lease_expires_at = None, 0, None, None
    lane.last_exception = ""
    lane.save()
    done = Batch(len(outcomes), outcomes)
    transaction.on_commit(lambda: settling.tell(processor, done))
    return done
