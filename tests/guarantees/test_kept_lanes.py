"""Lanes are claimed, kept for some batches and left: between, nobody writes or claims them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flowdeck import clock, publish, telemetry
from flowdeck.declare.registry import registry
from flowdeck.engine import drain, lanes
from flowdeck.models import Lane
from flowdeck.sql.parts import rows
from tests.probe.events import Probed
from tests.telling import heard

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of one delivery, as many as there are."""
    monkeypatch.setattr(drain._Pace, "batch_size", 1)
    monkeypatch.setattr(lanes, "KEPT_SECONDS", 60.0)


@pytest.mark.postgres  # SQLite's writer writes them, to be the one
def test_lanes_are_written_when_they_are_claimed_and_left(one_by_one: None) -> None:
    publish(*[Probed(n=n) for n in range(5)], stream="probe-1")
    written: list[Any] = []

    def note(told: telemetry.Settled) -> None:
        written.append(rows("SELECT xmin::text FROM flowdeck_lane ORDER BY id"))

    with heard(telemetry.Settled, note):
        assert drain.drain(registry.processor("probe.atomic"), seconds=30) == 5
    assert len(written) == 5
    assert all(one == written[0] for one in written)
    assert not Lane.objects.filter(claims__gt=0).exists()


def test_other_workers_leave_a_kept_lane_alone_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "KEPT_SECONDS", 60.0)
    publish(Probed(n=1), stream="probe-1")
    processor = registry.processor("probe.atomic")
    kept = lanes.claim(processor, 16)
    assert kept is not None
    with monkeypatch.context() as other:
        other.setattr(lanes, "worker_name", lambda: "another:1")
        assert lanes.claim(processor, 16) is None
    lanes.leave(kept)
    with monkeypatch.context() as other:
        other.setattr(lanes, "worker_name", lambda: "another:1")
        assert lanes.claim(processor, 16) is not None
    # It dies with the lane, which is free a moment later.
    assert lanes.claim(processor, 16) is None
    a_moment_ago = clock.now() - timedelta(seconds=lanes.KEPT_SECONDS)
    Lane.objects.update(claimed_at=a_moment_ago)
    assert lanes.claim(processor, 16) is not None


def test_another_thread_of_the_same_process_leaves_it_alone_too() -> None:
    publish(Probed(n=1), stream="probe-1")
    processor = registry.processor("probe.atomic")
    kept = lanes.claim(processor, 16)
    assert kept is not None
    with lanes.keeping(kept):
        assert lanes.claim(processor, 16) is None
    assert lanes.claim(processor, 16) is not None


def test_a_process_that_dies_in_a_later_batch_leaves_its_claim_counted(
    one_by_one: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1), Probed(n=2), stream="probe-1")
    real, calls = drain.batch.run, []

    def dies(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise SystemExit
        return real(*args)

    monkeypatch.setattr(drain.batch, "run", dies)
    with pytest.raises(SystemExit):
        drain.drain(registry.processor("probe.atomic"))
    assert list(Lane.objects.filter(claims__gt=0).values_list("claims", flat=True)) == [1]
