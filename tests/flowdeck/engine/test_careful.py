"""Careful mode: a lane on which workers died is worked on one delivery at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from flowdeck import publish
from flowdeck.conf import conf
from flowdeck.declare.registry import Processor, registry
from flowdeck.engine import careful, drain
from flowdeck.engine.lanes import Claim
from flowdeck.engine.settling import Batch
from flowdeck.models import Attempt, Delivery, Lane
from tests.guarantees import leases
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["probe.atomic", "probe.leased"]


@pytest.fixture(params=KINDS)
def lane(request: pytest.FixtureRequest) -> Lane:
    """A lane with one due delivery, on which workers died often."""
    publish(Probed(n=1), stream="probe-1")
    drain.drain(registry.processor(request.param))  # creates the lanes
    publish(Probed(n=2), stream="probe-1")
    slot = Delivery.objects.filter(processor=request.param).latest("event_id").slot
    lane = Lane.objects.get(processor=request.param, first_slot__lte=slot, last_slot__gte=slot)
    lane.claims = conf().CRASHES + 1
    lane.save()
    return lane


def newest(lane: Lane) -> Delivery:
    """The lane's due delivery."""
    return Delivery.objects.filter(processor=lane.processor).latest("event_id")


def suspect(lane: Lane, *, seconds_ago: float) -> None:
    """Note the due delivery on the lane as the one that was tried alone."""
    lane.suspect = newest(lane).event_id
    lane.suspected_at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    lane.save()


def test_innocent_work_is_done_and_the_lane_is_trusted_again(lane: Lane) -> None:
    drain.drain(registry.processor(lane.processor))
    assert newest(lane).state == "done"
    leases.run_out()
    publish(Probed(n=3), stream="probe-1")
    drain.drain(registry.processor(lane.processor))
    lane.refresh_from_db()
    assert (lane.claims, lane.suspect) == (0, None)
    assert not Attempt.objects.exists()


def test_a_suspect_that_may_still_be_worked_on_is_not_buried(lane: Lane) -> None:
    """Another worker has noted it a moment ago and is about to lock the lane."""
    suspect(lane, seconds_ago=0)
    drain.drain(registry.processor(lane.processor), seconds=0.2)
    assert newest(lane).state == "pending"


def test_a_count_that_another_thread_has_ended_stays_at_none(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspect(lane, seconds_ago=0)
    real = careful.run_one

    def ended(processor: Processor, claim: Claim) -> Batch:
        Lane.objects.filter(pk__in=claim.ids).update(claims=0)
        return real(processor, claim)

    monkeypatch.setattr(careful, "run_one", ended)
    drain.drain(registry.processor(lane.processor), seconds=0.2)
    lane.refresh_from_db()
    assert (lane.claims, newest(lane).state) == (0, "pending")


def test_one_death_alone_may_be_a_coincidence(lane: Lane) -> None:
    suspect(lane, seconds_ago=10)
    drain.drain(registry.processor(lane.processor))
    assert newest(lane).state == "done"


def test_a_suspect_found_after_two_more_deaths_is_buried_with_the_reason(lane: Lane) -> None:
    suspect(lane, seconds_ago=10)
    Lane.objects.filter(pk=lane.pk).update(claims=F("claims") + 1)
    drain.drain(registry.processor(lane.processor))
    buried = newest(lane)
    assert buried.state == "dead"
    assert buried.failures.get().error == "WorkerDied"
