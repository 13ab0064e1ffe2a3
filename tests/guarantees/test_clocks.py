"""Times are the database's: hosts whose clocks are wrong change nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction

from flowdeck import clock, publish
from flowdeck.dashboard.shared.as_of import position_of
from flowdeck.engine.sweep import Sweeper
from flowdeck.log.positions import newest_position
from flowdeck.models import Attempt, Delivery, Event, Worker
from flowdeck.testing import settle
from flowdeck.transfer.exporting import Chosen, export
from flowdeck.transfer.importing import import_events
from flowdeck.verification import verify
from tests.probe.events import Probed
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
FAKETIME = shutil.which("faketime")
AHEAD = """
import os, django
django.setup()
from datetime import UTC, datetime
from django.db import connections
connections["default"].settings_dict["NAME"] = os.environ["TEST_DATABASE"]
from flowdeck import publish
from flowdeck.engine.drain import drain
from flowdeck.engine.sweep import Sweeper
from flowdeck.declare.registry import registry
from tests.probe.events import Probed
publish(Probed(n=2), Probed(n=3, fails=1, by="probe.atomic"), stream="probe-ahead")
drain(registry.processor("probe.atomic"))
Sweeper()._say_alive()
print(datetime.now(UTC).isoformat())
"""


@pytest.mark.postgres  # SQLite has no other clock than its host's
def test_a_process_whose_clock_is_an_hour_ahead_changes_nothing() -> None:
    """It publishes, works and says that it is alive, between two whose clock is right."""
    if FAKETIME is None and os.environ.get("CI"):
        pytest.fail("There is no faketime on PATH.")
    if FAKETIME is None:
        pytest.skip("not run: there is no faketime on PATH")
    publish(Probed(n=1), stream="probe-before")
    Sweeper()._say_alive()
    began = clock.now()
    environment = {**os.environ, "TEST_DATABASE": str(connection.settings_dict["NAME"])}
    done = subprocess.run(
        [FAKETIME, "-f", "+3600s", sys.executable, "-c", AHEAD],
        env=environment,
        check=True,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert datetime.fromisoformat(done.stdout.split()[-1]) > began + HOUR / 2, "it was ahead"
    publish(Probed(n=4), stream="probe-after")
    soon = clock.now() + timedelta(minutes=1)
    recorded = list(Event.objects.order_by("position").values_list("recorded_at", flat=True))
    assert recorded == sorted(recorded)
    assert max(recorded) < soon
    assert position_of({"moment": soon.isoformat()})["to"] == newest_position()
    worked = Delivery.objects.filter(processor="probe.atomic", finished_at__isnull=False)
    assert worked.filter(finished_at__lt=soon, started_at__gt=began - HOUR / 2).count() == 3
    assert Attempt.objects.get().finished_at < soon
    assert Worker.objects.filter(seen_at__lt=soon).count() == 2, "no sign of life was taken away"
    assert list(verify()) == []


@pytest.mark.postgres  # on SQLite nobody appends while another has an open transaction
def test_an_event_is_recorded_once_its_place_is_sure() -> None:
    """A transaction that began earlier and appends later does not date its event back."""

    def meanwhile() -> None:
        publish(Probed(n=1), stream="probe-1")
        connection.close()

    with transaction.atomic():
        Tally.objects.create(stream="began")
        other = threading.Thread(target=meanwhile)
        other.start()
        other.join(60)
        publish(Probed(n=2), stream="probe-1")
    first, second = Event.objects.order_by("sequence").values_list("recorded_at", flat=True)
    assert first < second


def test_what_is_told_of_an_event_has_the_time_of_the_log() -> None:
    from flowdeck import telemetry

    told: list[telemetry.Appended] = []
    telemetry.subscribe(telemetry.Appended, told.append)
    publish(Probed(n=1), stream="probe-1")
    telemetry.unsubscribe(telemetry.Appended, told.append)
    event = Event.objects.get()
    assert told[0].events[0].recorded_at == event.recorded_at == event.occurred_at
    settle()


def recorded(sequence: int, at: datetime, stream: str = "probe-1") -> Event:
    """An event whose time is as given; its stream and deliveries are not looked at here."""
    event = publish(Probed(n=sequence), stream=stream)
    row = Event.objects.get(position=event.positions[0])
    row.pk, row.id, row.sequence, row.recorded_at = None, row.correlation_id, sequence, at
    row.save(force_insert=True)
    return row


@pytest.mark.parametrize(
    ("back", "stream", "found"),
    [
        (timedelta(seconds=1), "probe-1", "before the one before it in probe-1"),
        (timedelta(seconds=90), "probe-2", "a clock was wrong"),
        (timedelta(seconds=30), "probe-2", None),
    ],
)
def test_verify_finds_times_that_run_backward(
    back: timedelta, stream: str, found: str | None
) -> None:
    now = datetime.now(UTC) + HOUR
    recorded(101, now)
    recorded(102, now - back, stream)
    said = [one.detail for one in verify() if one.check == "times run as the log does"]
    assert any(found in one for one in said) if found else not any("102" in one for one in said)


def test_verify_goes_on_finding_them_after_an_import() -> None:
    """What was imported keeps its times and is passed over, and nothing else is."""
    publish(Probed(n=1), stream="probe-1")
    line = json.loads("".join(export(Chosen())))
    old = (clock.now() - 24 * HOUR).isoformat()
    line |= {"id": str(uuid4()), "subject": "elsewhere-1", "orderkey": "elsewhere-1"}
    line |= {"time": old, "recordedtime": old}
    assert import_events(io.StringIO(json.dumps(line)), deliver=True).written == 1
    publish(Probed(n=2), stream="probe-1")
    settle()
    assert list(verify()) == []
    recorded(101, clock.now() + HOUR)
    recorded(102, clock.now())
    said = [one.detail for one in verify() if one.check == "times run as the log does"]
    assert any("before the one before it in probe-1" in one for one in said)
    assert any("a clock was wrong" in one for one in said)
