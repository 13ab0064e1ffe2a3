"""A log for measuring: copies that are as whole as their originals."""

from __future__ import annotations

import pytest
from django.db.models import Count, Max

from benchmarks.seeding import seed
from flowdeck import publish
from flowdeck.declare.registry import slot_of
from flowdeck.errors import FlowdeckError
from flowdeck.models import Attempt, Delivery, Due, Event, Stream
from flowdeck.observe.loading import load_traces
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def test_copies_are_whole_traces_in_order_of_time() -> None:
    publish(Probed(n=1, echoes=2), stream="probe-1")
    publish(Probed(n=2, fails=1, by="probe.atomic"), stream="probe-2")
    settle()
    before = Event.objects.count()
    done = seed(40, fan_out=9)
    copies = Event.objects.order_by("position")[before:]
    assert done.events == len(copies) >= 40
    assert [copy.recorded_at for copy in copies] == sorted(copy.recorded_at for copy in copies)
    assert Delivery.objects.count() >= done.deliveries >= 9 * done.events
    names = {copy.correlation_id for copy in copies}
    for trace in load_traces(names).values():
        assert all(node.cause for node in trace.events if node.row.causation_id)
        assert len(trace.roots) == 1
    assert Attempt.objects.count() > 1  # the failed attempt was copied with its deliveries


def test_streams_and_slots_of_copies_are_right() -> None:
    publish(Probed(n=1, echoes=2), Probed(n=2, rejects="probe.atomic"), stream="probe-1")
    settle()
    seed(30)
    lengths = Event.objects.values("stream").annotate(n=Count("position"), last=Max("sequence"))
    heads = dict(Stream.objects.values_list("name", "head"))
    assert all(row["n"] == row["last"] == heads[row["stream"]] for row in lengths)
    slots = Due.objects.values_list("key", "slot")
    assert all(slot == slot_of(key) for key, slot in slots)
    publish(Probed(n=2), stream="probe-1")  # the counted keys go on behind the copies
    settle()


def test_without_a_trace_there_is_nothing_to_copy() -> None:
    with pytest.raises(FlowdeckError, match="no trace yet"):
        seed(10)
