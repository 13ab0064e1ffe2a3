"""Objectives: what is counted equals the log, is counted once, and alerts while it burns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from uuid_utils.compat import uuid7

from flowdeck import clock, objective
from flowdeck.declare.objectives import declared
from flowdeck.errors import RegistrationError
from flowdeck.models import AuditEntry, Event, Objective, Reached
from flowdeck.objectives import judging, setting
from flowdeck.objectives.standing import standings
from tests.accounts import person, signed_in
from tests.flowdeck.alerts.looking import later, look, rule, told
from tests.probe.events import Echoed, Probed

pytestmark = pytest.mark.django_db(transaction=True)
AIM = {"began_with": "Probed", "reaches": "Echoed", "within": 5, "target": 90, "days": 30}


@pytest.fixture
def operator() -> Client:
    """An operator's browser."""
    return signed_in(person("operator"))


@pytest.fixture(autouse=True)
def _only_ours() -> Iterator[None]:
    before = dict(declared)
    declared.clear()
    yield
    declared.clear()
    declared.update(before)
    setting.forget_introduced()


def aim(**other: Any) -> Objective:
    return setting.save(None, "fast", {**AIM, **other}, by="operator")


def judge() -> None:
    Objective.objects.update(looked_at=None)
    while judging.judge():
        pass


def counts() -> tuple[int, int]:
    [one] = standings()
    return one.whole.begun, one.whole.reached


def lay(began_at: datetime, after: float | None, reaches: str = "Echoed") -> None:
    """A trace that began then, and got there so many seconds later, if at all."""
    trace, first = uuid7(), uuid7()
    _lay("Probed", first, trace, None, began_at)
    if after is not None:
        _lay(reaches, uuid7(), trace, first, began_at + timedelta(seconds=after))


def _lay(type_: str, number: UUID, trace: UUID, cause: UUID | None, at: datetime) -> None:
    Event.objects.create(
        id=number,
        stream=str(number),
        sequence=1,
        type=type_,
        version=1,
        data={"n": 1, "by": ""},
        key=str(number),
        correlation_id=trace,
        causation_id=cause,
        producer="probe",
        occurred_at=at,
        recorded_at=at,
    )


def test_what_is_counted_is_what_the_log_says_and_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aim()
    now = clock.now()
    # Minutes ago, and how long it took: in time, just so, too late, never; two that are too young.
    laid = [(50, 1.0), (49, 5.0), (48, 5.1), (47, None), (2, 0.5), (0, 0.1), (0, None)]
    for minutes, after in laid:
        lay(now - timedelta(minutes=minutes), after)
        if minutes % 2:  # whenever somebody looks, at one or at several
            judge()
    lay(now - timedelta(minutes=1), 1.0, reaches="Keyed")  # it got elsewhere
    judge()
    assert counts() == (5, 3)  # what came behind those that are too young waits for them
    later(monkeypatch, 1)
    judge()
    assert counts() == (8, 4)
    for grain in (60, 3600, 86_400):
        rows = Reached.objects.filter(grain=grain).values_list("begun", "reached")
        assert tuple(map(sum, zip(*rows, strict=True))) == (8, 4)
    [one] = standings()
    assert one.left == pytest.approx(100 * (1 - 4 / 0.8))


def test_only_what_begins_a_trace_counts() -> None:
    aim(began_with="Echoed", reaches="Keyed")
    lay(clock.now() - timedelta(minutes=1), 1.0)  # in which one came as an effect
    judge()
    assert counts() == (0, 0)


def test_one_that_is_changed_is_judged_anew() -> None:
    number = aim().pk
    lay(clock.now() - timedelta(minutes=1), 3.0)
    judge()
    assert counts() == (1, 1)
    setting.save(number, "fast", {**AIM, "within": 2}, by="operator")
    judge()
    assert counts() == (1, 0)


def test_a_budget_that_burns_in_a_short_and_a_long_window_is_told_until_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number = rule(kind="burn").pk
    aim(target=99)
    for seconds in range(20, 280, 20):
        lay(clock.now() - timedelta(seconds=seconds), None if seconds % 40 else 1.0)
    judge()
    look()
    assert told(number) == ["AlertFired"]
    later(monkeypatch, 10)  # nothing for five minutes, but half of the last hour missed it
    look()
    assert told(number) == ["AlertFired"]
    later(monkeypatch, 45)
    look()
    assert told(number) == ["AlertFired", "AlertResolved"]


def test_code_declares_objectives_that_people_can_not_change(operator: Client) -> None:
    objective("declared", began_with=Probed, reaches=Echoed, within=5, target=95)
    for wrong in ({"within": 0}, {"target": 100}, {"days": 91}, {"reaches": Probed}):
        asked = {"began_with": Probed, "reaches": Echoed, "within": 5, "target": 95, **wrong}
        with pytest.raises(RegistrationError, match="'wrong' can't be kept"):
            objective("wrong", **asked)
    lay(clock.now() - timedelta(days=2), 1.0)  # before anybody looked
    judge()
    assert counts() == (1, 1)
    row = Objective.objects.get()
    with pytest.raises(setting.ObjectiveRefused, match="declared in code"):
        setting.delete(row.pk, by="operator")
    page = operator.get("/objectives/").content.decode()
    assert "95 % of traces that begin with Probed reach Echoed within 5 s" in page
    assert "in code" in page
    assert f"?delete={row.pk}" not in page


def test_a_page_and_commands_set_and_show_them(
    operator: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = operator.post("/objectives/keep/", {"name": "fast", **AIM, "within": "soon"})
    assert refused.status_code == 422
    assert "are numbers" in refused.content.decode()
    operator.post("/objectives/keep/", {"name": "fast", **AIM})
    lay(clock.now() - timedelta(minutes=1), 9.0)
    judge()
    page = operator.get("/objectives/").content.decode()
    assert "1 <small>of 0.1 that may</small>" in page
    call_command("flowdeck", "objectives", "list")
    assert "0.00 % of 1 got there, -900.0 % of the budget left" in capsys.readouterr().out
    [told] = operator.get("/api/v1/objectives").json()
    assert (told["begun"], told["reached"], told["share"]) == (1, 0, 0.0)
    number = told["id"]
    assert "Delete fast?" in operator.get(f"/objectives/?delete={number}").content.decode()
    operator.post(f"/objectives/{number}/delete/")
    assert not Objective.objects.exists()
    assert not Reached.objects.exists()
    words = ["--began-with", "Probed", "--reaches", "Echoed", "--within", "5", "--target", "99.5"]
    call_command("flowdeck", "objectives", "set", "fast", *words)
    assert Objective.objects.get().target == 99.5
    with pytest.raises(CommandError, match="no event type 'Nothing'"):
        call_command("flowdeck", "objectives", "set", "x", *words, "--reaches", "Nothing")
    call_command("flowdeck", "objectives", "delete", "fast")
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["add objective", "delete objective"] * 2
