"""Export and import: the same log elsewhere, once however often, or a refusal that says why."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.color import no_style
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeck import Draft, load, publish, read_log
from flowdeck.errors import ImportRefused
from flowdeck.models import AuditEntry, Done, Due, Event, PersonalKey, Stream, Trace
from flowdeck.privacy.forgetting import forget
from flowdeck.replay import runs
from flowdeck.testing import settle
from flowdeck.transfer.exporting import Chosen, as_masked, as_revealed, export
from flowdeck.transfer.importing import import_events
from flowdeck.verification import verify
from tests.accounts import person, signed_in
from tests.hostile import nested
from tests.probe.events import Echoed, Introduced, Keyed, Probed
from tests.probe.models import Effect, Tally

pytestmark = pytest.mark.django_db(transaction=True)

MAIL = "ada@example.org"


def empty_log() -> None:
    """As another database would be; keys of people are kept."""
    models = (Event, Stream, Due, Done, Tally, Trace)
    tables = [model._meta.db_table for model in models]
    connection.ops.execute_sql_flush(
        connection.ops.sql_flush(no_style(), tables, allow_cascade=True)
    )


def log() -> list[dict[str, Any]]:
    """All but positions, which are each log's own."""
    return [
        {name: value for name, value in row.items() if name != "position"}
        for row in Event.objects.order_by("position").values()
    ]


def exported(**chosen: Any) -> str:
    return "".join(export(Chosen(**chosen)))


def taken(text: str, **options: Any) -> tuple[int, int]:
    report = import_events(io.StringIO(text), **options)
    return report.written, report.known


def a_trace() -> None:
    """Three streams, causes, a join, a person."""
    publish(Probed(n=1, echoes=2), stream="probe-1")
    settle()
    first, *_, last = read_log()
    publish(
        Draft(
            Introduced(user_id=7, email=MAIL),
            stream="person-7",
            correlation_id=first.correlation_id,
            causation_id=first.id,
            also_caused_by=(last.id,),
        ),
        Draft(Keyed(owner="ada", n=3), stream="keyed-1"),
    )
    settle()


def test_a_line_is_a_cloud_event_with_the_rest_in_extensions() -> None:
    publish(Probed(n=1), stream="probe-1", producer="a b")
    (event,) = read_log()
    line = json.loads(exported())
    assert {name: line[name] for name in ("specversion", "id", "source", "type", "subject")} == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": "/a%20b",
        "type": "Probed",
        "subject": "probe-1",
    }
    assert all(name.isalnum() and name == name.lower() and len(name) <= 20 for name in line)
    assert line["time"].endswith("Z")
    assert (line["sequence"], line["position"], line["dataversion"]) == (
        "1",
        str(event.position),
        "1",
    )
    assert line["data"] == event.payload


def test_the_same_log_elsewhere_and_read_models_after_a_rebuild() -> None:
    a_trace()
    before, text, tallies = log(), exported(), list(Tally.objects.values())
    empty_log()
    assert taken(text) == (len(before), 0)
    assert log() == before
    assert taken(text) == (0, len(before))
    assert log() == before
    assert {found.check for found in verify()} == {"read models equal a replay"}
    assert settle() == 0, "what was done elsewhere is not done again"
    runs.execute(runs.request("rebuild", ["probe.tally"], by="test").pk)
    assert list(verify()) == []
    assert list(Tally.objects.values()) == tallies
    publish(Probed(n=2), stream="probe-1")
    assert read_log()[-1].sequence == Event.objects.filter(stream="probe-1").count()


PUBLISHED = st.lists(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(-5, 2**31), st.text(max_size=8), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(PUBLISHED)
def test_whatever_was_published_is_the_same_after_export_and_import(history: Any) -> None:
    empty_log()
    for batch in history:
        cause = Event.objects.order_by("?").first()
        drafts = [_draft(*one, cause=cause) for one in batch]
        publish(*drafts)
    before, text = log(), exported()
    empty_log()
    lines = text.splitlines(keepends=True)
    half = len(lines) // 2
    assert taken("".join(lines[:half])) == (half, 0)
    assert taken(text) == (len(lines) - half, half)
    assert log() == before
    assert [_but_position(line) for line in exported().splitlines()] == [
        _but_position(line) for line in lines
    ]


def _draft(stream: int, n: int, text: str, caused: bool, cause: Event | None) -> Draft:
    text = text.replace("\x00", "").encode("utf-8", "ignore").decode()
    event = Introduced(user_id=stream, email=text) if n % 3 == 0 else Echoed(n=n, by=text)
    if not (caused and cause):
        return Draft(event, stream=f"s-{stream}")
    return Draft(
        event, stream=f"s-{stream}", correlation_id=cause.correlation_id, causation_id=cause.id
    )


def _but_position(line: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(line).items() if name != "position"}


def edit(text: str, number: int, **changes: Any) -> str:
    lines = [json.loads(line) for line in text.splitlines()]
    lines[number] |= changes
    return "\n".join(json.dumps(line) for line in lines)


NOBODY = "00000000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sequence": "9"}, "probe-1 is at sequence 0 here, so 1 follows and not 9"),
        ({"causationid": NOBODY}, f"its cause {NOBODY} is neither here nor in the file before"),
        ({"alsocausedby": NOBODY}, "is neither here nor in the file before"),
        ({"datamasked": True}, "its personal values are masked"),
        ({"specversion": "0.3"}, "specversion is not 1.0"),
        ({"subject": "two words"}, "white space"),
        ({"type": ""}, "needs a type of 1 to 100 characters"),
        ({"type": "two\nlines"}, "needs a type of 1 to 100 characters"),
        ({"type": 7}, "type is not a text"),
        ({"orderkey": "two\nlines"}, "needs a key of 1 to 200 characters"),
        ({"producer": "x" * 65}, "needs a producer of 1 to 64 characters"),
        ({"dataversion": "0"}, "dataversion is not a number from 1"),
        ({"time": "2026-01-01T00:00:00"}, "has no zone"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "is not in the years 1000 to 8999"),
        ({"recordedtime": "9999-12-31T23:59:59-12:00"}, "is not in the years 1000 to 8999"),
        ({"id": "x"}, "badly formed"),
        ({"data": ["x"]}, "data is not an object"),
        ({"data": {"by": "\x00"}}, "holds a NUL character"),
        ({"data": {"by": "\ud800"}}, "half of a surrogate pair"),
        ({"data": {"by": "x" * 600_000}}, "600,009 bytes; the limit is 262,144"),
        ({"data": {"n": float("nan")}}, "can't be stored as JSON"),
        ({"data": {"n": 10**4_299 * 9}}, None),
        ({"data": {"n": nested(99)}}, None),
        ({"data": {"n": nested(100)}}, "nested deeper than 100 levels"),
        ({"data": {"n": nested(900)}}, "nested"),
    ],
)
def test_what_does_not_fit_refuses_the_whole_file(changes: Any, message: str | None) -> None:
    a_trace()
    text = exported()
    empty_log()
    if message is None:  # the last that fits
        assert taken(edit(text, 0, **changes), dry_run=True)[0] > 0
        return
    with pytest.raises(ImportRefused, match="line 1: ") as refused:
        taken(edit(text, 0, **changes))
    assert message in str(refused.value)
    assert log() == []
    assert not Stream.objects.exists()


def test_numbers_that_nobody_reads_and_text_that_is_none_are_refused(tmp_path: Path) -> None:
    publish(Probed(n=1), stream="probe-1")
    text = exported()
    empty_log()
    for number in ("9" * 4_301, "1e999"):
        with pytest.raises(ImportRefused, match="line 1: "):
            taken(text.replace('"n": 1', f'"n": {number}'))
    with pytest.raises(ImportRefused, match="line 1: it is nested too deep"):
        taken(text.replace('"n": 1', f'"n": {"[" * 20_000}{"]" * 20_000}'))
    file = tmp_path / "log.jsonl"
    file.write_bytes(text.replace("probe-1", "\xff").encode("latin-1"))
    with file.open(encoding="utf-8") as lines, pytest.raises(ImportRefused, match="not text in"):
        import_events(lines)
    assert log() == []


def test_another_content_under_the_same_id_and_a_taken_sequence_are_refused() -> None:
    a_trace()
    text, before = exported(), log()
    with pytest.raises(ImportRefused, match=r"line 1: event .* is here with another content"):
        taken(edit(text, 0, data={"n": 2}))
    with pytest.raises(ImportRefused, match="line 1: probe-1 is at sequence"):
        taken(edit(text, 0, id=NOBODY))
    other = edit(text.splitlines()[0], 0, id=NOBODY, subject="probe-2")
    with pytest.raises(ImportRefused, match=r"line 2: the id .* is in the file twice"):
        taken(f"{other}\n{other}")
    with pytest.raises(ImportRefused, match="line 1: "):
        taken("not json")
    assert log() == before


def test_one_trace_can_be_taken_with_deliveries() -> None:
    publish(Probed(n=1), stream="probe-1")
    publish(Probed(n=2), stream="probe-2")
    event = read_log()[0]
    text = exported(correlation_id=event.correlation_id)
    assert exported(stream="probe-1") == text
    assert exported(last=event.position) == text
    assert exported(before=event.recorded_at) == ""
    assert exported(since=event.recorded_at) == exported()
    empty_log()
    assert taken(text, dry_run=True) == (1, 0)
    assert log() == []
    assert taken(text, deliver=True) == (1, 0)
    assert settle() > 0
    assert Effect.objects.filter(processor="probe.atomic").count() == 1
    assert Tally.objects.get().count == 1


def test_personal_values_stay_sealed_masked_or_are_revealed_and_sealed_anew() -> None:
    a_trace()
    sealed, masked = exported(), "".join(export(Chosen(), as_masked))
    revealed = "".join(export(Chosen(), as_revealed))
    assert [MAIL in text for text in (sealed, masked, revealed)] == [False, False, True]
    assert taken(revealed) == (0, len(log())), "the same, however it is written"
    with pytest.raises(ImportRefused, match="masked"):
        taken(masked)
    empty_log()
    PersonalKey.objects.all().delete()
    taken(revealed)
    assert MAIL not in json.dumps([row["data"] for row in log()])
    person = next(event for event in read_log() if event.type == "Introduced")
    assert load(person) == Introduced(user_id=7, email=MAIL)
    forget("7", by="test")
    assert MAIL not in "".join(export(Chosen(), as_revealed))


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowdeck.transfer.exporting.CHUNK", 10)
    monkeypatch.setattr("flowdeck.transfer.importing.CHUNK", 7)
    publish(*[Echoed(n=n, by="x") for n in range(45)], stream="many")
    before, lines = log(), export(Chosen())
    assert json.loads(next(lines))["data"]["n"] == 0  # a generator: nothing is gathered
    text = exported()
    empty_log()
    assert taken(text) == (45, 0)
    assert log() == before


def test_the_commands(tmp_path: Path) -> None:
    a_trace()
    out, file, before = io.StringIO(), tmp_path / "log.jsonl", log()
    person("admin", "ada")
    call_command("flowdeck", "export", "--as", "ada", stdout=out, stderr=io.StringIO())
    file.write_text(out.getvalue(), encoding="utf-8")
    with pytest.raises(CommandError, match="needs a --reason"):
        call_command("flowdeck", "export", "--reveal")
    with pytest.raises(CommandError, match="neither a position nor a time"):
        call_command("flowdeck", "export", "--from", "yesterday")
    empty_log()
    told = io.StringIO()
    call_command("flowdeck", "import", str(file), "--dry-run", stdout=told)
    assert f"{len(before)} events would be written, 0 were here" in told.getvalue()
    call_command("flowdeck", "import", str(file), "--as", "ada", stdout=told)
    assert "--rebuild" in told.getvalue()
    assert log() == before
    file.write_text(edit(out.getvalue(), 0, data={}), encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was written"):
        call_command("flowdeck", "import", str(file))
    assert list(AuditEntry.objects.order_by("id").values_list("who", "action", "count")) == [
        ("ada", "export", 0),
        ("ada", "import", len(before)),
    ]


def test_a_trace_can_be_downloaded_masked_by_who_may_see_it() -> None:
    a_trace()
    url = f"/traces/{read_log()[0].correlation_id}/export/"
    answer = signed_in(person("viewer")).get(url)
    lines = [json.loads(line) for line in b"".join(answer).splitlines()]
    of_trace = Event.objects.filter(correlation_id=lines[0]["correlationid"])
    assert len(lines) == of_trace.count() > 1
    assert [line["data"]["email"] for line in lines if line["type"] == "Introduced"] == ["••••"]
    assert signed_in(person("customer")).get(url).status_code == 404
    assert Client().get(url).status_code == 302
