"""Invariant 6: every event but a first one has a cause in the same correlation."""

from __future__ import annotations

import pytest

from flowdeck import Delivery, correlation, publish
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.probe import processors
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_handlers_emit_is_caused_by_what_they_handled() -> None:
    receipt = publish(Probed(n=1, echoes=2), stream="probe-1")
    settle()
    events = {event.id: event for event in Event.objects.all()}
    assert len(events) == 1 + 3 * 2  # three kinds of handlers echo it twice
    roots = [event for event in events.values() if event.causation_id is None]
    assert [event.type for event in roots] == ["Probed"]
    for event in events.values():
        assert event.correlation_id == receipt.correlation_id
        if event.causation_id is not None:
            assert events[event.causation_id].position < event.position


def test_events_of_one_request_share_its_correlation() -> None:
    with correlation() as context:
        publish(Probed(n=1), stream="probe-1")
        publish(Probed(n=2), stream="probe-2")
    ids = set(Event.objects.values_list("correlation_id", flat=True))
    assert ids == {context.correlation_id}


def test_two_requests_do_not() -> None:
    publish(Probed(n=1), stream="probe-1")
    publish(Probed(n=2), stream="probe-1")
    assert Event.objects.values("correlation_id").distinct().count() == 2


@pytest.mark.parametrize("kind", ["probe.atomic", "probe.leased"])
def test_what_handlers_publish_is_caused_by_what_they_handled(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``publish`` inside a handler is the same as returning the event: one with its success."""
    failures = iter([True, False])

    def behave(event: Probed, delivery: Delivery) -> None:
        if delivery.processor == kind:
            publish(Echoed(n=1, by="publish"))
            if next(failures):
                raise processors.ProbeError("after publishing")

    monkeypatch.setattr(processors, "behave", behave)
    receipt = publish(Probed(n=1), stream="probe-1")
    settle()
    cause, published = Event.objects.order_by("position")
    assert published.data["by"] == "publish"
    assert (published.causation_id, published.correlation_id) == (cause.id, receipt.correlation_id)
    assert (published.stream, published.producer) == ("probe-1", kind)
