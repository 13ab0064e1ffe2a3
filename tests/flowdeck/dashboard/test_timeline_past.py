"""Counts of the past are kept and grown; they are those that a fresh count gives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeck.dashboard.timeline import counts as timeline_counts
from flowdeck.dashboard.timeline import past as timeline_past
from flowdeck.dashboard.timeline.past import Past, past
from flowdeck.models import Done, Event

pytestmark = pytest.mark.django_db

STEP, BINS = 5, 12
BEGIN = datetime.fromtimestamp(1_700_000_000 // STEP * STEP, UTC)


@pytest.fixture
def log() -> None:
    """Two events in three seconds for three minutes; each was delivered up to 40 s later."""
    moments = [BEGIN + timedelta(seconds=1.5 * n) for n in range(120)]
    Event.objects.bulk_create(
        Event(
            id=uuid4(),
            stream=f"probe-{n}",
            sequence=1,
            type="probe.Probed",
            version=1,
            data={},
            key="k",
            correlation_id=uuid4(),
            producer=("shop", "lab")[n % 2],
            occurred_at=at,
            recorded_at=at,
        )
        for n, at in enumerate(moments)
    )
    Done.objects.bulk_create(
        Done(
            event=event,
            processor="probe",
            attempts=1,
            finished_at=event.recorded_at + timedelta(seconds=n % 40),
        )
        for n, event in enumerate(Event.objects.order_by("position"))
    )


def window(first: int, length: int = BINS) -> Past:
    """The counts of so many bins."""
    since = BEGIN + timedelta(seconds=first * STEP)
    return past(since, since + timedelta(seconds=length * STEP), STEP)


def counts(found: Past) -> Any:
    return found.events, found.settled, found.cut


def afresh(first: int, length: int = BINS) -> Any:
    timeline_past.forget()
    return counts(window(first, length))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, BINS)), min_size=2, max_size=8))
def test_wherever_people_look_they_see_what_a_fresh_count_gives(
    log: None, looks: list[tuple[int, int]]
) -> None:
    timeline_past.forget()
    grown = [counts(window(*look)) for look in looks]
    assert grown == [afresh(*look) for look in looks]


def test_a_window_that_moves_costs_only_its_newest_bins(
    log: None, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    window(0)
    with django_assert_num_queries(0):
        window(0)
        window(2, 5)
    asked: list[tuple[datetime, datetime]] = []
    real = timeline_counts.Stretch.of

    def noted(since: datetime, until: datetime, step: int) -> Any:
        asked.append((since, until))
        return real(since, until, step)

    monkeypatch.setattr(timeline_counts.Stretch, "of", noted)
    with django_assert_num_queries(4):
        window(1)
    end = BEGIN + timedelta(seconds=BINS * STEP)
    assert asked == [(end, end + timedelta(seconds=STEP))]


def test_what_was_cut_is_said_until_it_has_moved_out(
    log: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_counts, "COUNTED", 40)
    first = window(0)
    assert first.cut
    assert sum(first.events.values()) < BINS * STEP / 1.5
    whole = int((first.whole - BEGIN).total_seconds()) // STEP
    for moved in range(1, whole + 2):
        assert window(moved).cut is (moved < whole)
    monkeypatch.setattr(timeline_counts, "COUNTED", 10_000)
    assert counts(window(whole)) == afresh(whole)
