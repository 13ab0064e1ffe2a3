"""A failed delivery as a test, which fails with the same error until the cause is mended."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from flowdeck import Delivery as Delivered
from flowdeck import Reject, publish, read_stream
from flowdeck.declare.registry import registry
from flowdeck.models import Attempt, Delivery
from flowdeck.testing import Flow, settle
from flowdeck.transfer.as_test import NoTest, as_test
from tests.accounts import person, signed_in
from tests.deliveries import store
from tests.probe.events import Probed, Told
from tests.probe.models import Tally

pytestmark = pytest.mark.django_db
ADDRESS = "ada@example.org"
Handler = Callable[[Probed, Delivered], Any]


class Unanswered(Exception):
    """Of the handler's own."""


def fails(error: Exception) -> Handler:
    def handle(event: Probed, delivery: Delivered) -> None:
        if event.n == 2:
            raise error

    return handle


def breaks_a_rule(event: Probed, delivery: Delivered) -> None:
    Tally.objects.create(stream="one")


def looks_into_its_stream(event: Probed, delivery: Delivered) -> None:
    if len(read_stream(delivery.envelope.stream)) == 2:
        raise Unanswered("two are one too many")


FAILURES: dict[str, Handler] = {
    "ValueError": fails(ValueError("no number")),
    "KeyError": fails(KeyError("sku")),
    "ZeroDivisionError": lambda event, delivery: 1 / (event.n - 2) and None,
    "AttributeError": lambda event, delivery: event.n == 2 and event.nothing,  # type: ignore[attr-defined]
    "TypeError": lambda event, delivery: len(event.n) if event.n == 2 else None,  # type: ignore[arg-type]
    "InvalidOperation": lambda event, delivery: Decimal("x") and None if event.n == 2 else None,
    "Unanswered": fails(Unanswered("the provider is away")),
    "HandlerContractError": lambda event, delivery: "no event" if event.n == 2 else None,
    "IntegrityError": breaks_a_rule,
    "looks": looks_into_its_stream,
    "Reject": fails(Reject("it is too heavy")),
}


def declared(monkeypatch: pytest.MonkeyPatch, handler: Handler) -> None:
    known = registry.processors["probe.atomic"]
    monkeypatch.setitem(registry.processors, "probe.atomic", replace(known, handler=handler))
    registry._subscribers.clear()


def run(text: str) -> None:
    """The one test of a file, on an empty log."""
    found: dict[str, Any] = {}
    exec(compile(text, "test_made.py", "exec"), found)
    (test,) = (value for name, value in found.items() if name.startswith("test_"))
    with transaction.atomic():
        test(Flow())
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", FAILURES)
def test_the_made_test_fails_the_same_way_until_the_cause_is_mended(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    declared(monkeypatch, FAILURES[name])
    with transaction.atomic():
        for n in (1, 2):
            publish(Probed(n=n), stream="held")
            settle()
        letter = Delivery.objects.get(processor="probe.atomic", state="dead")
        failure = Attempt.objects.filter(event=letter.event_id).latest("pk")
        text = as_test(letter).text
        transaction.set_rollback(True)
    assert failure.error.rpartition(".")[2] in text
    with pytest.raises(Exception) as raised:  # noqa: PT011 (which it is, is compared)
        run(text)
    said = f"{type(raised.value).__name__}: {raised.value}"
    assert failure.error.rpartition(".")[2] in said
    assert failure.message.splitlines()[0][:60] in said
    declared(monkeypatch, lambda event, delivery: None)
    run(text)


def test_nothing_personal_is_in_it_and_the_command_prints_it() -> None:
    publish(Told(user_id=1, email=ADDRESS), stream="told")
    settle()
    letter = Delivery.objects.get(processor="probe.told", state="dead")
    printed = []
    for named in (str(letter.letter), f"{letter.event_id}-probe.told"):
        said = io.StringIO()
        call_command("flowdeck", "to_test", named, stdout=said)
        printed.append(said.getvalue())
    assert printed[0] == printed[1]
    file = signed_in(person("viewer")).get(f"/dead-letters/{letter.letter}/test/")
    assert file.content.decode() == printed[0]
    assert "test_probe_told_on_told.py" in file["Content-Disposition"]
    assert ADDRESS not in printed[0]
    assert "••••" in printed[0]
    compile(printed[0], "test_made.py", "exec")
    with pytest.raises(CommandError, match="There is no delivery '999'"):
        call_command("flowdeck", "to_test", "999")


def test_what_can_not_be_given_is_said() -> None:
    publish(Probed(n=1), stream="held")
    position = Delivery.objects.filter(processor="probe.atomic").get().event_id
    unknown = store(event_id=position, processor="former", state="dead", attempts=1)
    with pytest.raises(NoTest, match="No installed app declares former"):
        as_test(unknown)
