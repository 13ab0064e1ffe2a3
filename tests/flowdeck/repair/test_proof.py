"""A proof says what would happen, and leaves nothing behind."""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction

from flowdeck import Delivery as Delivered
from flowdeck import Retry, publish, read_log
from flowdeck.declare.registry import Processor, registry
from flowdeck.declare.subscribing import declare
from flowdeck.engine import drain
from flowdeck.errors import OutsideRefused
from flowdeck.letters import dead_letters
from flowdeck.models import AuditEntry, Delivery, Event
from flowdeck.repair import proof
from flowdeck.repair.confirming import confirm
from flowdeck.repair.proof import NoRepair, Proof
from flowdeck.testing import settle
from tests.probe.events import Echoed, Keyed, Probed
from tests.probe.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = "order-9"


def _hears(event: Probed) -> None: ...


@pytest.fixture
def trying() -> Iterator[Callable[..., Processor]]:
    """Let a handler be that of a processor that hears Probed."""
    registry.add_processor(declare("probe.tried", _hears, atomic=False))

    def handled_by(handler: Callable[..., Any], **options: Any) -> Processor:
        given = {"retry": Retry(max_attempts=1), "wants_delivery": True, **options}
        made = replace(registry.processor("probe.tried"), handler=handler, **given)
        registry.processors["probe.tried"] = made
        return made

    yield handled_by
    registry.remove_processor("probe.tried")


def dead(processor: str) -> int:
    number = dead_letters.dead().filter(processor=processor).values_list("letter", flat=True).get()
    assert number is not None
    return number


def proved(number: int, **given: Any) -> Proof:
    found = proof.letter(number)
    return proof.prove(found, proof.edited(found, given), by="ada", reason="")


def repaired(number: int, **given: Any) -> int:
    found = proof.letter(number)
    payload = proof.edited(found, given)
    seen = proof.prove(found, payload, by="ada", reason="").digest
    return confirm(number, payload, seen, by="ada", reason="typed O for 0")


def digests() -> dict[str, str]:
    """What is in each table."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            rows = sorted(map(repr, cursor.fetchall()))
            found[table] = hashlib.sha256("".join(rows).encode()).hexdigest()
    return found


def poison() -> int:
    """A letter of probe.atomic, with five parked behind it; the last of them will fail."""
    publish(Probed(n=0, fails=3, by="probe.atomic", echoes=2), stream=STREAM)
    publish(*(Probed(n=n, echoes=1) for n in range(1, 5)), stream=STREAM)
    publish(Probed(n=5, rejects="probe.atomic"), stream=STREAM)
    settle()
    return dead("probe.atomic")


def test_a_proof_says_what_then_happens_and_writes_nothing() -> None:
    number = poison()
    before = digests()
    seen = proved(number, fails=0)
    assert digests() == before

    assert seen.proved
    assert [(c.field, c.before, c.after) for c in seen.changes] == [("fails", 3, 0)]
    assert [step.state for step in seen.steps] == ["done"] * 5 + ["dead"]
    assert "the event says so" in seen.steps[-1].why
    would = [(e.type, e.stream, e.data) for step in seen.steps for e in step.emitted]
    rows = [
        {c.field: c.after for c in table.columns}
        for step in seen.steps
        for table in step.tables
        if (table.table, table.kind) == (Effect._meta.db_table, "added")
    ]
    assert not any(step.unread for step in seen.steps)

    start = Event.objects.latest("position").position
    repaired(number, fails=0)
    settle()
    came = Event.objects.filter(position__gt=start, type="Echoed", producer="probe.atomic")
    assert would == [(e.type, e.stream, e.data) for e in came]
    names = ("processor", "stream", "sequence", "position", "attempt")
    wrote = Effect.objects.filter(processor="probe.atomic").order_by("id").values(*names)
    assert [{name: row[name] for name in names} for row in rows] == list(wrote)
    (entry,) = AuditEntry.objects.filter(action="repair")
    assert (entry.who, entry.reason) == ("ada", "typed O for 0")


def test_what_changed_since_it_was_proved_is_not_confirmed() -> None:
    number = poison()
    found = proof.letter(number)
    payload = proof.edited(found, {"fails": 0})
    seen = proof.prove(found, payload, by="ada", reason="").digest
    publish(Probed(n=6), stream=STREAM)
    with pytest.raises(NoRepair, match="Prove it again"):
        confirm(number, payload, seen, by="ada", reason="why")
    with pytest.raises(NoRepair, match="Prove it again"):
        confirm(number, {**payload, "n": 7}, proved(number, fails=0).digest, by="a", reason="b")
    assert not Event.objects.filter(type="EventCorrected").exists()


def test_what_does_not_fit_the_schema_or_moves_the_key_is_refused() -> None:
    number = poison()
    with pytest.raises(NoRepair, match="fails"):
        proved(number, fails="many")
    with pytest.raises(NoRepair, match="unknown"):
        proved(number, unknown=1)
    publish(Keyed(owner="ada"), stream=STREAM)
    (stored,) = [one for one in read_log(0) if one.type == "Keyed"]
    found = replace(proof.letter(number), event=stored)
    with pytest.raises(NoRepair, match="stays 'ada'"):
        proof.edited(found, {"owner": "bob"})


def test_outside_is_answered_from_the_record_or_refused(
    trying: Callable[..., Processor], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def charge(event: Probed, delivery: Delivered) -> Any:
        paid = delivery.outside("charge", lambda: asked.append("charge") or {"id": 7})
        if event.n == 0:
            raise ValueError("n is 0")
        if event.n == 2:
            delivery.outside("mail", lambda: asked.append("mail"))
        return Echoed(n=paid["id"], by="charge")

    charging = trying(charge)
    publish(Probed(n=0), stream=STREAM)
    drain.drain(charging)
    number = dead("probe.tried")

    good = proved(number, n=1)
    assert good.proved
    assert good.steps[0].answered == ("charge",)
    assert good.steps[0].emitted[0].data == {"n": 7, "by": "charge"}
    new = proved(number, n=2)
    assert (new.proved, new.untried) == (False, True)
    assert "'mail', which was never answered" in new.steps[0].why
    assert asked == ["charge"]

    with socket.create_server(("127.0.0.1", 0)) as server:
        there = socket.create_connection(server.getsockname())

        def reaching(event: Probed, delivery: Delivered) -> Any:
            try:
                there.sendall(b"x") if event.n == 2 else socket.create_connection(
                    server.getsockname()
                )
            except BaseException:
                return Echoed(n=0, by="swallowed")

        trying(reaching)
        assert "127.0.0.1" in proved(number, n=1).steps[0].why
        assert "open before" in proved(number, n=2).steps[0].why
        there.close()
        server.setblocking(False)
        server.accept()[0].close()
        with pytest.raises(BlockingIOError):
            server.accept()


def test_nothing_follows_a_commit_that_there_is_not(trying: Callable[..., Processor]) -> None:
    said: list[str] = []

    def telling(event: Probed, delivery: Delivered) -> Any:
        if event.n == 0:
            raise ValueError("n is 0")
        with transaction.atomic(durable=event.n == 1):
            transaction.on_commit(lambda: said.append("after the commit"))
        if event.n == 2:
            with connection.cursor() as cursor:
                cursor.execute("COMMIT")
        if event.n == 3:
            time.sleep(60)

    drained = trying(telling)
    publish(Probed(n=0), Probed(n=1), stream=STREAM)
    drain.drain(drained)
    number = dead("probe.tried")
    before = digests()
    assert proved(number, n=1).proved
    assert "ends the transaction" in proved(number, n=2).steps[0].why
    slow = proved(number, n=3)
    assert "HandlerTimedOut" in slow.steps[0].why
    assert slow.seconds < 20
    assert (slow.left, len(slow.steps)) == (1, 1)
    assert said == []
    assert digests() == before
    assert Delivery.objects.get(letter=number).state == "dead"
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()  # this thread is not cut off


def test_an_async_handler_is_not_tried(trying: Callable[..., Processor]) -> None:
    def failing(event: Probed, delivery: Delivered) -> None:
        raise ValueError("no")

    publish(Probed(n=0), stream=STREAM)
    drain.drain(trying(failing))
    number = dead("probe.tried")

    async def later(event: Probed, delivery: Delivered) -> None:
        raise OutsideRefused("was called")

    trying(later)
    seen = proved(number, n=1)
    assert seen.untried
    assert "async" in seen.steps[0].why
