"""Finished deliveries go when a setting says so, nothing else does, and readers of it know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client

from flowdeck import clock, outlet, publish
from flowdeck.engine import keeping, sweep
from flowdeck.engine.backfill import deliver_past
from flowdeck.errors import ReplayRefused
from flowdeck.history import fold, kept
from flowdeck.history.rebuild import rebuild
from flowdeck.letters.redelivery import Choice, dry_run
from flowdeck.log.positions import SLACK, newest_position
from flowdeck.models import Attempt, Connector, Done, Due, Event, Handled, Trace
from flowdeck.sql import dialect
from flowdeck.testing import settle
from flowdeck.verification import verify
from tests.accounts import person, signed_in
from tests.flowdeck.connect.declared import forget
from tests.guarantees.test_due_and_done import partitions, reading
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = 5_000_000


@dataclass(frozen=True)
class Old:
    """Up to which position events are old, and when the last of them was there."""

    position: int
    at: datetime


@pytest.fixture
def old(settings: Any) -> Iterator[Old]:
    """A dead letter, what waits behind it, and what is done, of events that will be old."""
    settings.FLOWDECK = {**settings.FLOWDECK, "DELIVERIES_KEPT_DAYS": 30}
    publish(Probed(n=1, fails=2, by="probe.atomic", echoes=1), stream="old")
    publish(Probed(n=2, fails=99, by="probe.batch"), Probed(n=3), stream="held")
    settle()
    fold.fold_all()
    newest = newest_position()
    if connection.vendor == "postgresql":  # the next event is in the next partition
        sweep.make_room()
        _go_on_at((newest // SIZE + 1) * SIZE)
    yield Old(newest, clock.now())
    if connection.vendor == "postgresql":  # as other tests know it
        _go_on_at(newest + 1_000)
        with connection.cursor() as cursor:
            dialect().make_partitions(cursor, [newest])


def forget_after_a_month(old: Old) -> None:
    """As a worker does, when what was old then is 30 days old, and nothing else is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(clock, "now", lambda: old.at + timedelta(days=30) + SLACK)
        keeping.forget_finished()


def _go_on_at(position: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('flowdeck_event', 'position'), %s)", [position]
        )


def test_those_of_old_events_go_and_nothing_else_does(old: Old) -> None:
    _publish_a_new_one()
    due, events = Due.objects.count(), Event.objects.count()
    told = list(Handled.objects.order_by("grain", "at", "processor", "type").values_list())
    ended = list(Trace.objects.order_by("pk").values_list())
    forget_after_a_month(old)
    assert kept.removed_upto() >= old.position
    assert not Done.objects.filter(event_id__lte=old.position).exists()
    assert Done.objects.filter(event_id__gt=old.position).exists()
    assert (Due.objects.count(), Event.objects.count()) == (due, events)
    assert set(Attempt.objects.values_list("processor", flat=True)) == {"probe.batch"}
    assert list(Handled.objects.order_by("grain", "at", "processor", "type").values_list()) == told
    assert list(Trace.objects.order_by("pk").values_list()) == ended


def test_who_reads_the_past_knows_what_is_gone(old: Old) -> None:
    first = Event.objects.filter(stream="old").earliest("position")
    _publish_a_new_one()
    assert list(verify()) == []
    forget_after_a_month(old)
    assert list(verify()) == []
    call_command("replay", "probe.tally", "--rebuild", "--reason", "a test")
    assert not Done.objects.filter(event_id__lte=old.position).exists()
    browser = signed_in(person("operator"))
    for address in (f"/events/{first.position}/", f"/traces/{first.correlation_id}/"):
        assert "are not kept any more" in browser.get(address).content.decode()
    assert "can’t be given again" in _page(browser, "/replay/redeliver/")
    assert dry_run("probe.atomic", Choice(positions=[first.position])) == {}
    with pytest.raises(ReplayRefused, match="not known any more"):
        deliver_past("probe.renamed", [first.position])
    with pytest.raises(ReplayRefused, match="could not be made anew"):
        rebuild()


def _publish_a_new_one() -> None:
    publish(Probed(n=4), stream="new")
    settle()
    fold.fold_all()


def _page(browser: Client, address: str) -> str:
    return browser.get(address).content.decode()


def test_an_outlet_that_has_not_read_them_keeps_them(old: Old) -> None:
    _publish_a_new_one()
    outlet("probe-idle", broker="nowhere", to="probe", of="deliveries")
    try:
        forget_after_a_month(old)
        assert kept.removed_upto() == 0
        Connector.objects.create(name="probe-idle", position=SIZE * 9)
        forget_after_a_month(old)
        assert kept.removed_upto() >= old.position
    finally:
        forget()


def test_without_the_setting_all_are_kept(old: Old, settings: Any) -> None:
    settings.FLOWDECK = {**settings.FLOWDECK, "DELIVERIES_KEPT_DAYS": 0}
    forget_after_a_month(old)
    assert kept.removed_upto() == 0


@pytest.mark.postgres
def test_partitions_are_dropped_and_a_reader_is_not_waited_for(old: Old) -> None:
    _publish_a_new_one()
    first = f"flowdeck_done_{old.position // SIZE}"
    assert first in partitions()
    with reading(), pytest.raises(OperationalError, match="lock timeout"):
        forget_after_a_month(old)
    assert first in partitions()
    forget_after_a_month(old)
    assert first not in partitions()
    newest = newest_position()
    assert kept.removed_upto() == newest // SIZE * SIZE - 1  # not in the midst of the next one
    assert Done.objects.filter(event_id=newest).exists()
