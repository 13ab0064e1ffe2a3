"""Deliveries as Parquet files: each that is over is in one of them, whatever happens."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from textwrap import dedent
from typing import Any

import duckdb
import pyarrow.parquet
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F

from flowdeck import outlet, publish
from flowdeck.checks.project import outside
from flowdeck.connect import connectors, control, lease, ledger
from flowdeck.connect.brokers import parquet_deliveries
from flowdeck.connect.outlets import Outlet
from flowdeck.errors import LeaseLost, RegistrationError
from flowdeck.letters import dead_letters, redelivery
from flowdeck.models import Connector, Delivery, Done, Event
from flowdeck.testing import settle
from tests.flowdeck.connect.declared import OUTLET, forget
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def lake(tmp_path: Path, settings: Any) -> Iterator[Callable[..., Outlet]]:
    def made(**words: Any) -> Outlet:
        settings.FLOWDECK = {**settings.FLOWDECK, "BROKERS": {"lake": f"parquet://{tmp_path}"}}
        return outlet(OUTLET, broker="lake", to="deliveries", of="deliveries", **words)

    yield made
    forget(OUTLET)


def rows(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "deliveries").glob("day=*/*.parquet"))
    found = [
        row
        for file in files
        for row in pyarrow.parquet.read_table(file, partitioning=None).to_pylist()
    ]
    return sorted(found, key=lambda row: (row["position"], row["processor"]))


def kept(folder: Path) -> list[tuple[int, str, str, int]]:
    return [(r["position"], r["processor"], r["state"], r["attempts"]) for r in rows(folder)]


def stored(*states: str) -> list[tuple[int, str, str, int]]:
    found = Delivery.objects.filter(state__in=states or ("done", "dead", "discarded"))
    fields = ("event_id", "processor", "state", "attempts")
    return sorted(found.values_list(*fields))


def worked(*numbers: int, **words: Any) -> None:
    publish(*[Probed(n=n, **words) for n in numbers], stream="a")
    settle()


def test_each_that_is_over_is_a_row_by_the_day_of_its_event(
    lake: Callable[..., Outlet], tmp_path: Path
) -> None:
    worked(1)
    worked(2, fails=99, by="probe.atomic")
    lake()
    assert connectors.run_once(OUTLET) == len(stored())
    assert kept(tmp_path) == stored()
    (letter,) = [row for row in rows(tmp_path) if row["state"] == "dead"]
    event = Event.objects.get(data__n=2)
    assert (letter["processor"], letter["error"]) == ("probe.atomic", "ProbeError")
    assert (letter["event_id"], letter["stream"]) == (str(event.id), "a")
    assert letter["recorded_at"] == event.recorded_at
    assert letter["finished_at"] >= letter["started_at"] >= letter["recorded_at"]
    (day,) = (tmp_path / "deliveries").iterdir()
    assert day.name == f"day={event.recorded_at:%Y-%m-%d}"


def test_what_finishes_late_or_again_replaces_its_row(
    lake: Callable[..., Outlet], tmp_path: Path
) -> None:
    lake()
    publish(Probed(n=1), stream="a")
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == [], "nothing is over yet"
    worked(2, fails=99, by="probe.atomic")
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == stored()
    (number,) = dead_letters.dead().values_list("letter", flat=True)
    dead_letters.discard([number], by="olga", reason="a test")
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == stored()
    assert stored("discarded")
    again = redelivery.Choice(positions=[Event.objects.get(data__n=1).position])
    redelivery.redeliver("probe.batch", again, by="olga", reason="a test")
    settle()
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == stored()
    assert [row for row in kept(tmp_path) if row[3] == 2], "it was given again"
    worked(3)
    connectors.run_once(OUTLET)
    third = Event.objects.get(data__n=3)  # it ended long ago: it is not looked at again
    Done.objects.filter(event=third).update(
        attempts=9, finished_at=third.recorded_at - 2 * ledger.LATE
    )
    connectors.run_once(OUTLET)
    assert not [row for row in kept(tmp_path) if row[3] == 9]


@pytest.mark.parametrize("stretch", [3, 5])
def test_each_is_in_one_file_after_a_crash_and_a_rewind(
    stretch: int,
    lake: Callable[..., Outlet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lake()
    real, calls = lease.Lease.keep, list[int]()

    def keep(self: lease.Lease, position: int, moved: int) -> None:
        calls.append(position)
        if len(calls) == 2:  # the file is there, and nobody notes that
            raise LeaseLost("it died")
        real(self, position, moved)

    worked(*range(10))
    publish(Probed(n=10), stream="b")  # under way when it dies
    before = Event.objects.earliest("position").position - 1
    Connector.objects.create(name=OUTLET, position=before)
    monkeypatch.setattr(lease.Lease, "keep", keep)
    monkeypatch.setattr(ledger, "_STRETCH", 4)
    with pytest.raises(LeaseLost):
        connectors.run_once(OUTLET)
    assert len(kept(tmp_path)) > 0
    settle()
    monkeypatch.setattr(ledger, "_STRETCH", stretch)  # others are together now
    Connector.objects.update(token=None, lease_expires_at=None)
    (folder,) = (tmp_path / "deliveries").iterdir()
    (folder / "half.unfinished").write_bytes(b"PAR1")
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == stored()
    control.rewind(OUTLET, before, by="olga", reason="a disk was lost")
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == stored()
    assert {one.suffix for one in folder.iterdir()} == {".parquet"}
    ranges = sorted(parquet_deliveries._ranges(folder))
    assert all(one[1] < other[0] for one, other in pairwise(ranges))


def test_what_was_under_way_when_one_died_is_written_by_the_next(
    lake: Callable[..., Outlet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake()
    publish(Probed(n=1), stream="a")
    monkeypatch.setattr(ledger.Ledger, "_look_back", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        connectors.run_once(OUTLET)
    monkeypatch.undo()
    settle()
    # All of this was some minutes ago.
    Done.objects.update(finished_at=F("finished_at") - 2 * ledger.LATE)
    Connector.objects.update(
        looked_at=F("looked_at") - 3 * ledger.LATE, token=None, lease_expires_at=None
    )
    connectors.run_once(OUTLET)
    assert kept(tmp_path) == stored()


def test_it_goes_into_files_only(lake: Callable[..., Outlet], settings: Any) -> None:
    with pytest.raises(RegistrationError, match="mode is 'log'"):
        lake(mode="deliveries", types=[Probed])
    lake()
    told = {"BROKERS": {"lake": "redis://localhost"}}
    settings.FLOWDECK = {**settings.FLOWDECK, **told}
    assert any("takes no deliveries" in one.msg for one in outside())
    with pytest.raises(ImproperlyConfigured, match="takes no deliveries"):
        connectors.run_once(OUTLET)


@pytest.mark.parametrize("page", ["kafka_and_lake.md", "brokers/parquet.md"])
def test_the_questions_of_the_documentation_are_answered(
    page: str, lake: Callable[..., Outlet], tmp_path: Path, settings: Any
) -> None:
    worked(1)
    worked(2, fails=99, by="probe.atomic")
    lake()
    outlet("history", broker="lake", to="events")
    for name in (OUTLET, "history"):
        connectors.run_once(name)
    forget("history")
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    asked = [block for block in blocks if "duckdb" in block]
    assert asked
    answers = list[list[tuple[Any, ...]]]()

    class Shown:
        """As the module, and keeps what was shown."""

        def __init__(self, text: str) -> None:
            self._text = text

        def show(self) -> None:
            answers.append(duckdb.sql(self._text).fetchall())

    for block in asked:
        there = dedent(block).replace("/var/lake", str(tmp_path)).replace("import duckdb", "")
        exec(there, {"duckdb": type("duckdb", (), {"sql": Shown})})
    assert len(answers) == "".join(asked).count(".show()")
    assert [] not in answers
