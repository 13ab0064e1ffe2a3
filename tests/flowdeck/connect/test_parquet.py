"""The log as Parquet files: each event is in one of them, whatever happens."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from django.db import connection

from flowdeck import outlet, publish
from flowdeck.connect import control, lease, relay
from flowdeck.connect.brokers import parquet
from flowdeck.connect.outlets import Outlet
from flowdeck.errors import LeaseLost
from flowdeck.models import Attempt, Connector, Event
from tests.flowdeck.connect.declared import OUTLET, forget
from tests.polling import eventually
from tests.probe.events import Introduced, Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lake(tmp_path: Path, settings: Any) -> Iterator[Callable[..., Outlet]]:
    def made(to: str = "events", every: int = 3_600, **words: Any) -> Outlet:
        url = f"parquet://{tmp_path}?every={every}"
        settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"lake": url}}
        return outlet(OUTLET, broker="lake", to=to, **words)

    yield made
    forget(OUTLET)


def positions(folder: Path) -> list[int]:
    files = sorted((folder / "events").glob("day=*/*.parquet"))
    return sorted(
        position
        for file in files
        for position in pyarrow.parquet.read_table(file, columns=["position"])
        .column("position")
        .to_pylist()
    )


def logged() -> list[int]:
    return sorted(Event.objects.values_list("position", flat=True))


def published(*numbers: int) -> None:
    publish(*[Probed(n=n) for n in numbers], stream="a")


def test_events_lie_in_files_by_day(lake: Callable[..., Outlet], tmp_path: Path) -> None:
    publish(Introduced(user_id=1, email="ada@example.org"), stream="a")
    published(1)
    assert relay.run_once(lake()) == 2
    (day,) = {
        f"{moment:%Y-%m-%d}" for moment in Event.objects.values_list("recorded_at", flat=True)
    }
    (file,) = (tmp_path / "events" / f"day={day}").iterdir()
    first, second = pyarrow.parquet.read_table(file, partitioning=None).to_pylist()
    event = Event.objects.get(type="Probed")
    assert (second["position"], second["id"]) == (event.position, str(event.id))
    assert (second["type"], second["stream"], second["sequence"]) == ("Probed", "a", 2)
    assert second["recorded_at"] == event.recorded_at
    assert json.loads(second["data"]) == event.data
    assert "ada@example.org" not in first["data"]


def test_each_event_is_in_one_file_after_a_crash(
    lake: Callable[..., Outlet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, real, calls = lake(), lease.Lease.keep, list[int]()

    def keep(self: lease.Lease, position: int, moved: int) -> None:
        calls.append(position)
        if len(calls) == 2:  # the file is there, and nobody notes that
            raise LeaseLost("it died")
        real(self, position, moved)

    published(*range(10))
    monkeypatch.setattr(lease.Lease, "keep", keep)
    monkeypatch.setattr(parquet.ParquetSender, "most", 4)
    with pytest.raises(LeaseLost):
        relay.run_once(out)
    assert positions(tmp_path) == logged()[:8]
    monkeypatch.setattr(parquet.ParquetSender, "most", 3)  # others are together now
    Connector.objects.update(token=None, lease_expires_at=None)
    relay.run_once(out)
    assert positions(tmp_path) == logged()
    left = {one.suffix for one in tmp_path.rglob("*") if one.is_file()}
    assert left == {".parquet"}


def test_each_event_is_in_one_file_after_a_rewind(
    lake: Callable[..., Outlet], tmp_path: Path
) -> None:
    out = lake()
    published(*range(10))
    relay.run_once(out)
    control.rewind(OUTLET, logged()[3], by="olga", reason="a disk was lost")
    published(10)
    relay.run_once(out)
    assert positions(tmp_path) == logged()


def test_it_waits_for_others_to_come(
    lake: Callable[..., Outlet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, ended, steps, real = lake(), threading.Event(), list[bool](), relay.Relay.step

    def step(self: relay.Relay) -> bool:
        steps.append(real(self))
        return steps[-1]

    def follow() -> None:
        try:
            relay.run(out, ended)
        finally:
            connection.close()

    published(1)
    monkeypatch.setattr(relay.Relay, "step", step)
    following = threading.Thread(target=follow)
    following.start()
    eventually(lambda: len(steps) >= 3)
    ended.set()
    following.join()
    assert not (tmp_path / "events").exists()
    assert relay.run_once(out) == 1  # who asks for all that there is gets it
    assert positions(tmp_path) == logged()


def test_it_does_not_wait_where_no_others_can_come(
    lake: Callable[..., Outlet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stretch of the log is full, mostly of events that the outlet does not hear."""
    monkeypatch.setattr(relay, "_STRETCH", 5)
    out = lake(types=[Introduced])
    first = publish(Introduced(user_id=1, email="ada@example.org"), stream="b").positions[0]
    Connector.objects.create(name=OUTLET, position=first - 1)
    published(*range(5))
    publish(Introduced(user_id=2, email="bob@example.org"), stream="b")
    taken = lease.take(OUTLET)
    assert taken is not None
    following = relay.Relay(out, taken, patient=True)
    while following.step():
        pass
    assert positions(tmp_path) == [first], "the second one waits for others"


def test_it_writes_nothing_outside_of_its_folder(
    lake: Callable[..., Outlet], tmp_path: Path
) -> None:
    published(1)
    assert relay.run_once(lake(to="../elsewhere")) == 0
    assert Attempt.objects.get().error == "OutsideOfTheFolder"
    assert not (tmp_path.parent / "elsewhere").exists()
