"""What is kept of the moment is what would be counted, and nobody counts as long as it is fresh."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from flowdeck import clock, publish
from flowdeck.declare.registry import registry
from flowdeck.engine import lanes, sweep
from flowdeck.models import Current
from flowdeck.observe import current
from flowdeck.observe.overview import overview
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def some_work() -> None:
    publish(Probed(n=1, rejects="probe.atomic"), Probed(n=2), stream="probe-1")
    settle()
    publish(Probed(n=3), stream="probe-2")
    assert lanes.claim(registry.processor("probe.leased"), 1) is not None


def test_what_is_kept_is_what_is_counted() -> None:
    some_work()
    counted = overview().rows, current.dead(), current.under_way()
    current.keep()
    assert (overview().rows, current.dead(), current.under_way()) == counted
    by = {row.name: row for row in counted[0]}
    assert by["probe.atomic"].dead == 1
    assert by["probe.leased"].workers
    assert counted[1] == 1
    assert counted[2].traces == 2


def test_a_worker_keeps_it_and_whoever_looks_then_counts_nothing(
    django_assert_max_num_queries: Any,
) -> None:
    some_work()
    sweep.Sweeper().tick()
    with django_assert_max_num_queries(4):
        overview()
    publish(Probed(n=4), stream="probe-2")
    shown = {row.name: row.waiting for row in overview().rows}
    current.keep()
    assert {row.name: row.waiting for row in overview().rows} == shown, "a second has not passed"
    Current.objects.update(begun_at=clock.now() - timedelta(seconds=1))
    current.keep()
    assert {row.name: row.waiting for row in overview().rows} != shown


def test_what_is_old_or_lacks_a_processor_is_counted_anew() -> None:
    some_work()
    current.keep()
    kept = Current.objects.get()
    publish(Probed(n=4), stream="probe-3")
    before = overview().rows
    Current.objects.update(at=clock.now() - timedelta(seconds=6))
    assert overview().rows != before
    Current.objects.update(
        at=clock.now(), facts=kept.facts.replace('"probe.batch"', '"probe.before"')
    )
    assert overview().rows != before
