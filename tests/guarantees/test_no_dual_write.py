"""Invariant 2: events, their deliveries and the caller's changes commit together or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from flowdeck import publish
from flowdeck.bells import bell
from flowdeck.log import append
from flowdeck.models import Delivery, Event, Stream
from tests.probe.events import Probed
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)


class Stopped(Exception):
    """The caller changes its mind."""


def nothing_was_written() -> bool:
    return not (
        Event.objects.exists()
        or Delivery.objects.exists()
        or Stream.objects.exists()
        or Tally.objects.exists()
    )


def test_a_rolled_back_caller_leaves_no_event() -> None:
    with pytest.raises(Stopped), transaction.atomic():
        Tally.objects.create(stream="probe-1")
        publish(Probed(n=1), stream="probe-1")
        raise Stopped
    assert nothing_was_written()


def test_a_refused_event_takes_the_callers_changes_with_it() -> None:
    publish(Probed(n=1), stream="probe-1")
    with pytest.raises(Exception, match="sequence 1"), transaction.atomic():
        Tally.objects.create(stream="probe-1")
        publish(Probed(n=2), stream="probe-1", expected_sequence=0)
    assert not Tally.objects.exists()
    assert Event.objects.count() == 1


def test_a_lone_publish_is_all_or_nothing_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of any transaction; the delivery is refused after stream and event are written."""
    nobody = replace(append.registry.processor("probe.atomic"), name=None)
    monkeypatch.setattr(append.registry, "subscribers", lambda type_name: [nobody])
    with pytest.raises(IntegrityError):
        publish(Probed(n=1), stream="probe-1")
    assert nothing_was_written()


def test_events_and_deliveries_become_visible_together() -> None:
    with transaction.atomic():
        Tally.objects.create(stream="probe-1")
        publish(Probed(n=1), Probed(n=2), stream="probe-1")
    assert Event.objects.count() == 2
    subscribers = set(Delivery.objects.values_list("processor", flat=True))
    assert {"probe.atomic", "probe.batch", "probe.leased", "probe.tally"} <= subscribers
    assert Delivery.objects.count() == 2 * len(subscribers)


def test_no_bell_rings_before_the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(bell, "ring", lambda names: rung.extend(names) or True)
    with pytest.raises(Stopped), transaction.atomic():
        publish(Probed(n=1), stream="probe-1")
        raise Stopped
    assert rung == []
    with transaction.atomic():
        publish(Probed(n=1), stream="probe-1")
        assert rung == []
    assert "probe.atomic" in rung


def test_a_handlers_writes_and_emitted_events_are_one_with_its_delivery() -> None:
    from flowdeck.testing import settle
    from tests.probe.models import Effect

    publish(Probed(n=1, fails=99, by="probe.atomic", echoes=2), stream="probe-1")
    settle()
    assert not Effect.objects.filter(processor="probe.atomic").exists()
    assert not Event.objects.filter(type="Echoed", producer="probe.atomic").exists()
    assert Delivery.objects.get(processor="probe.atomic").state == "dead"
