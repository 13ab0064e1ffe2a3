"""States that are derived when read: running and parked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from flowdeck import publish
from flowdeck.models import Delivery, Lane
from flowdeck.observe.states import derive
from flowdeck.testing import settle
from tests.deliveries import change
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db


def states(processor: str) -> list[str]:
    """Derived states of a processor's deliveries, oldest first."""
    rows = list(
        Delivery.objects.filter(processor=processor).order_by("event_id").select_related("event")
    )
    derived = derive(rows)
    return [derived[row.pk].state for row in rows]


def test_what_waits_behind_a_dead_letter_of_its_key_is_parked() -> None:
    publish(Probed(n=1, rejects="probe.batch"), stream="probe-1")
    publish(Probed(n=2), Probed(n=3), stream="probe-1")
    publish(Probed(n=4), stream="probe-2")
    settle()
    assert states("probe.batch") == ["dead", "parked", "parked", "done"]


def test_a_processor_that_skips_its_dead_parks_nothing() -> None:
    publish(Probed(n=1, rejects="probe.skipping"), stream="probe-1")
    settle()
    publish(Probed(n=2), stream="probe-1")
    assert states("probe.skipping") == ["dead", "pending"]


def test_what_waits_behind_a_retry_is_parked_and_the_retry_is_not() -> None:
    publish(Probed(n=1), Probed(n=2), stream="probe-1")
    first = Delivery.objects.filter(processor="probe.atomic").order_by("event_id").first()
    assert first is not None
    change(
        Delivery.objects.filter(pk=first.pk),
        state="retrying",
        attempts=1,
        due_at=datetime.now(UTC) + timedelta(minutes=1),
    )
    assert states("probe.atomic") == ["retrying", "parked"]


def test_what_a_leased_lane_had_when_it_was_taken_is_running() -> None:
    publish(Probed(n=1), stream="probe-1")
    now = datetime.now(UTC)
    Lane.objects.filter(processor="probe.leased").update(
        token=uuid4(), lease_expires_at=now + timedelta(seconds=30), claimed_at=now, worker="host:1"
    )
    publish(Probed(n=2), stream="probe-1")
    assert states("probe.leased") == ["running", "pending"]
    (row,) = Delivery.objects.filter(processor="probe.leased").select_related("event")[:1]
    assert derive([row])[row.pk].worker == "host:1"


def test_a_lease_that_ran_out_runs_nothing() -> None:
    publish(Probed(n=1), stream="probe-1")
    now = datetime.now(UTC)
    Lane.objects.filter(processor="probe.leased").update(
        token=uuid4(), lease_expires_at=now - timedelta(seconds=1), claimed_at=now
    )
    assert states("probe.leased") == ["pending"]


def test_settled_deliveries_cost_no_query(django_assert_num_queries: object) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    rows = list(Delivery.objects.all())
    with django_assert_num_queries(0):  # type: ignore[operator]
        derive(rows)
