"""A correction stands in the place of what was written, for every later reader."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.color import no_style
from django.db import connection

from flowdeck import Retry, load, publish, read_log
from flowdeck.declare.registry import registry
from flowdeck.declare.subscribing import declare
from flowdeck.letters import dead_letters
from flowdeck.log.append import read_stream
from flowdeck.models import Correction, Due, Event, PersonalKey, Repair, Stream
from flowdeck.privacy.forgetting import forget
from flowdeck.privacy.masking import masked
from flowdeck.repair import asking
from flowdeck.repair.proof import NoRepair
from flowdeck.replay import runs
from flowdeck.testing import settle
from flowdeck.transfer.exporting import Chosen, as_masked, as_revealed, export
from flowdeck.transfer.importing import import_events
from flowdeck.verification import verify
from tests.accounts import person
from tests.probe.events import Introduced
from tests.probe.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)
BAD, GOOD = "ada(at)example.org", "ada@example.org"


def _greet(event: Introduced) -> None:
    if "@" not in event.email:
        raise ValueError(f"{event.email} is no address")


@pytest.fixture(autouse=True)
def number() -> Iterator[int]:
    """A dead letter about an address that is none; the read model has it already."""
    registry.add_processor(declare("probe.greet", _greet, retry=Retry(max_attempts=1)))
    publish(Introduced(user_id=1, email=BAD, born=date(2000, 1, 1)), stream="person-1")
    settle()
    letter = dead_letters.dead().values_list("letter", flat=True).get()
    assert letter is not None
    yield letter
    registry.remove_processor("probe.greet")


def proposed(number: int, email: str = GOOD) -> int:
    """As the page does it: asked for, and proved by a worker."""
    row = asking.ask(number, {"email": email}, by="ada")
    asking.execute(row.pk)
    return row.pk


def repaired(number: int) -> None:
    asking.carry_out(proposed(number), by="ada", reason="asked her by phone")
    settle()


def email() -> str:
    """What a reader of the stream gets."""
    (stored,) = read_stream("person-1")
    event = load(stored)
    assert isinstance(event, Introduced)
    assert event.born == (date(2000, 1, 1) if event.email else date(1, 1, 1))
    return event.email


def rebuilt() -> str:
    runs.execute(runs.request("rebuild", ["probe.contacts"], by="ada", reason="why").pk)
    return Contact.objects.get().email


def as_it_was() -> dict[str, Any]:
    return Event.objects.filter(type="Introduced").values().get()


def emptied() -> None:
    tables = [m._meta.db_table for m in (Event, Stream, Due, Contact, Correction)]
    flush = connection.ops.sql_flush(no_style(), [*tables, "flowdeck_done"], allow_cascade=True)
    connection.ops.execute_sql_flush(flush)


def test_every_later_reader_takes_the_correction(number: int) -> None:
    written = as_it_was()
    assert (email(), Contact.objects.get().email) == (BAD, BAD)
    repaired(number)
    assert not dead_letters.dead().exists()
    assert as_it_was() == written
    assert email() == GOOD
    assert rebuilt() == GOOD
    runs.execute(runs.request("verify", ["probe.contacts"], by="ada", reason="why").pk)
    assert not list(verify())
    (said,) = Event.objects.filter(type="EventCorrected")
    assert (said.causation_id, said.correlation_id) == (written["id"], written["correlation_id"])
    assert (said.data["by"], said.data["reason"]) == ("ada", "asked her by phone")
    assert GOOD not in json.dumps(said.data)
    assert masked(said.type, said.data)["payload"]["email"] == "\u2022\u2022\u2022\u2022"


@pytest.mark.parametrize("line", [None, as_revealed], ids=["sealed", "revealed"])
def test_export_and_import_bring_it_along(number: int, line: Any) -> None:
    repaired(number)
    text = "".join(export(Chosen(), line))
    stored = as_it_was()["data"]
    assert (GOOD in text) == (BAD in text) == (line is as_revealed)
    assert GOOD not in "".join(export(Chosen(), as_masked))
    emptied()
    if line is as_revealed:
        PersonalKey.objects.all().delete()
    import_events(io.StringIO(text))
    assert import_events(io.StringIO(text)).written == 0
    assert (as_it_was()["data"] == stored) == (line is None)
    assert email() == GOOD
    assert rebuilt() == GOOD


def test_who_is_forgotten_is_forgotten_in_the_correction(number: int) -> None:
    repaired(number)
    open_ = proposed_again(number)
    forget("1", by="ada", reason="asked for it")
    assert email() == ""
    assert Contact.objects.get().email == ""
    assert GOOD not in json.dumps(list(Repair.objects.values("text")), default=str)
    assert asking.look(open_) is not None
    assert asking.look(open_).payload == {}  # type: ignore[union-attr]


def proposed_again(number: int) -> int:
    (row,) = Repair.objects.filter(letter=number)
    return row.pk


def test_the_newest_correction_counts(number: int) -> None:
    with pytest.raises(NoRepair, match="would not help"):
        asking.carry_out(proposed(number, "still none"), by="ada", reason="why")
    repaired(number)
    assert email() == GOOD
    with pytest.raises(NoRepair, match="no dead letter"):
        proposed(number)


def test_a_proof_gets_old(number: int) -> None:
    row = proposed(number)
    Repair.objects.filter(pk=row).update(finished_at=Repair.objects.get().finished_at - asking.OLD)
    with pytest.raises(NoRepair, match="older than five minutes"):
        asking.carry_out(row, by="ada", reason="why")


def test_from_a_shell(number: int) -> None:
    def command(*arguments: str) -> str:
        out = io.StringIO()
        call_command("dead_letters", "repair", str(number), *arguments, stdout=out)
        return out.getvalue()

    shown = command("--set", f"email={GOOD}")
    assert "done: probe.greet on Introduced" in shown
    assert "nothing was written" in shown
    assert GOOD not in shown
    assert email() == BAD
    with pytest.raises(CommandError, match="would not help"):
        command("--set", "email=none")
    person("viewer", "vera")
    with pytest.raises(CommandError, match="repair_dead_letters"):
        command("--set", f"email={GOOD}", "--as", "vera")
    with pytest.raises(CommandError, match="needs a --reason"):
        command("--set", f"email={GOOD}", "--confirm")
    done = json.loads(command("--set", f"email={GOOD}", "--confirm", "--reason", "why", "--json"))
    assert done["written"] == read_log(0)[-1].position
    settle()
    assert email() == GOOD


def test_what_an_upcaster_stumbles_over_is_told(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*_: Any) -> Any:
        raise KeyError("mail")

    monkeypatch.setattr("flowdeck.log.corrections.upcast", stumbles)
    with pytest.raises(NoRepair, match="can't be read: KeyError"):
        asking.ask(number, {"email": GOOD}, by="ada")
    words = ("repair", str(number), "--set", f"email={GOOD}")
    with pytest.raises(CommandError, match="can't be read: KeyError"):
        call_command("dead_letters", *words)
