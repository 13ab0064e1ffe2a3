"""Retention: what is archived is in the file, verified; what stays is whole; the rest can't go."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from flowdeck import Draft, publish, read_log, read_stream
from flowdeck.errors import ArchiveRefused
from flowdeck.letters.redelivery import Choice, redeliver
from flowdeck.models import (
    Archive,
    ArchivedStream,
    AuditedDelivery,
    AuditEntry,
    Delivery,
    Event,
)
from flowdeck.replay import runs
from flowdeck.testing import settle
from flowdeck.transfer import archiving
from flowdeck.transfer.archiving import archive, closed_streams
from flowdeck.transfer.cloudevents import loaded
from flowdeck.verification import verify
from tests.accounts import person
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)


def history() -> None:
    """Two closed streams, one whose trace goes on elsewhere, and one with a dead letter."""
    publish(Probed(n=1, echoes=2), stream="closed-1")
    publish(Probed(n=2), stream="closed-2")
    publish(Probed(n=3), stream="spread-1")
    settle()
    first = read_stream("spread-1")[0]
    publish(
        Draft(
            Echoed(n=4, by="x"),
            stream="spread-2",
            correlation_id=first.correlation_id,
            causation_id=first.id,
        ),
        Draft(Probed(n=5, rejects="probe.atomic"), stream="dead-1"),
    )
    settle()


def test_closed_streams_go_whole_and_the_log_stays_sound(tmp_path: Path) -> None:
    history()
    before = read_log()
    gone = [event for event in before if event.stream.startswith("closed")]
    assert closed_streams(datetime.now(UTC) - timedelta(days=1)) == []
    assert closed_streams(later()) == ["closed-1", "closed-2"]
    assert closed_streams(later(), prefix="closed-2") == ["closed-2"]
    told, file = io.StringIO(), tmp_path / "archive.jsonl"
    person("admin", "ada")
    words = ("flowdeck", "archive", "--older-than=-1", "--as", "ada", "--reason", "old")
    call_command(*words, "--dry-run", stdout=told)
    assert read_log() == before
    with pytest.raises(CommandError, match="Meanwhile it is other streams"):
        call_command(*words, "--to", str(file), "--seen", "other", stdout=told)
    assert not file.exists()
    seen = told.getvalue().rpartition("--seen ")[2].split()[0]
    call_command(*words, "--to", str(file), "--seen", seen, stdout=told)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [loaded(line, n).event.id for n, line in enumerate(lines)] == [e.id for e in gone]
    assert [e.id for e in read_log()] == [e.id for e in before if e not in gone]
    assert not Delivery.objects.filter(event_id__in=[e.position for e in gone]).exists()
    assert list(verify()) == []
    row = Archive.objects.get()
    assert (row.events, row.types, row.path) == (
        len(gone),
        {"Echoed": len(gone) - 2, "Probed": 2},
        str(file),
    )
    assert row.sha256 in told.getvalue()
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.action, entry.count, entry.reason) == (
        "ada",
        "archive",
        len(gone),
        "old",
    )


def test_what_the_audit_says_of_deliveries_that_are_gone_stays_without_them(
    tmp_path: Path,
) -> None:
    history()
    closed = Choice(positions=[read_stream("closed-2")[0].position])
    redeliver("probe.atomic", closed, by="mara", reason="mended")
    settle()
    assert AuditedDelivery.objects.filter(processor="probe.atomic").count() == 1
    archive(["closed-2"], tmp_path / "archive.jsonl", by="ada", reason="old")
    assert not AuditedDelivery.objects.exists()
    assert AuditEntry.objects.get(action="redeliver").reason == "mended"


def test_sequences_go_on_and_a_replay_that_needs_the_rest_says_so(tmp_path: Path) -> None:
    history()
    length = len(read_stream("closed-1"))
    archive(closed_streams(later()), tmp_path / "a", by="test")
    publish(Echoed(n=9, by="x"), stream="closed-1", expected_sequence=length)
    assert [event.sequence for event in read_stream("closed-1")] == [length + 1]
    assert list(verify()) == []
    archive(closed_streams(later()), tmp_path / "b", by="test")
    assert list(verify()) == []
    assert ArchivedStream.objects.filter(stream="closed-1").count() == 2
    run = runs.execute(runs.request("verify", ["probe.tally"], by="test").pk)
    assert run is not None
    assert run.state == "failed"
    assert "Events of Probed were archived to" in run.error


@pytest.mark.parametrize("what", ["file", "growth"])
def test_what_is_not_verified_is_not_removed(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history()
    step = archiving._verified

    def damaged(streams: list[str], path: Path) -> object:
        if what == "file":
            path.write_text(path.read_text().replace('"n": 1', '"n": 7'))
            return step(streams, path)
        found = step(streams, path)
        publish(Echoed(n=9, by="x"), stream="closed-1")
        return found

    monkeypatch.setattr(archiving, "_verified", damaged)
    before = Event.objects.count()
    with pytest.raises(ArchiveRefused, match=r"does not hold|has grown"):
        archive(closed_streams(later()), tmp_path / "a", by="test")
    assert Event.objects.count() == before + (what == "growth")
    assert not ArchivedStream.objects.exists()
    with pytest.raises(CommandError, match="Nothing was removed"):
        call_command(
            "flowdeck", "archive", "--older-than=-1", "--to", f"{tmp_path}/a", stdout=io.StringIO()
        )


def test_the_database_refuses_all_that_no_tombstone_covers(tmp_path: Path) -> None:
    history()
    archive(["closed-2"], tmp_path / "a", by="test")
    publish(Echoed(n=9, by="x"), stream="closed-2")
    for rows in (
        Event.objects.filter(stream="closed-1"),
        Event.objects.filter(stream="closed-2"),
        ArchivedStream.objects.all(),
        Archive.objects.all(),
    ):
        with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
            rows._raw_delete(rows.db)
    with pytest.raises(DatabaseError, match="immutable"), transaction.atomic():
        ArchivedStream.objects.update(upto=99)
