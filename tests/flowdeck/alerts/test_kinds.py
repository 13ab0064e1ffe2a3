"""Each kind of rule: it fires on a cause that is planted, and is resolved once that is gone."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from flowdeck import clock, publish
from flowdeck.alerts import measure, rules
from flowdeck.engine import pause
from flowdeck.history import fold
from flowdeck.models import AlertRule, Connector, Delivery, Due, ProcessInstance
from flowdeck.testing import settle
from tests.flowdeck.alerts.looking import later, look, rule, told
from tests.flowdeck.connect.declared import a_connector, forget
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
FIRED, BOTH = ["AlertFired"], ["AlertFired", "AlertResolved"]


def done(number: int, fails: int = 0, stream: str = "worked") -> None:
    publish(*[Probed(n=n, fails=fails, by="probe.atomic") for n in range(number)], stream=stream)
    settle()
    fold.fold_all()


def about(number: int) -> str:
    return AlertRule.objects.get(pk=number).about


def test_failures() -> None:
    number = rule(kind="failures", threshold=30, minutes=5).pk
    done(2, fails=1)
    look()
    assert told(number) == []  # two attempts of four failed: that says nothing yet
    done(2, fails=1)
    look()
    assert (told(number), about(number)) == (FIRED, "probe.atomic")
    done(60)
    look()
    assert told(number) == BOTH


def test_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    number = rule(kind="latency", threshold=1, minutes=5, processor="probe.atomic").pk
    done(10)
    look()
    assert (told(number), about(number)) == (FIRED, "probe.atomic")
    rows = Delivery.objects.filter(processor="probe.atomic").values_list(
        "finished_at", "event__recorded_at"
    )
    longest = max((finished - recorded).total_seconds() for finished, recorded in rows)
    assert AlertRule.objects.get(pk=number).value == pytest.approx(1000 * longest, rel=0.1, abs=1)
    later(monkeypatch, 15)  # all of it was before the minutes that are looked at
    look()
    assert told(number) == BOTH


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    number = rule(kind="silence", threshold=5, first_type="Probed").pk
    look()
    assert told(number) == []  # a rule that is new has waited for nothing yet
    later(monkeypatch, 6)
    look()
    assert (told(number), about(number)) == (FIRED, "Probed")
    later(monkeypatch, 0)
    AlertRule.objects.update(created_at=clock.now() - timedelta(hours=1))
    done(1)
    look()
    assert told(number) == BOTH


def test_nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    number = rule(kind="workers", threshold=30).pk
    publish(Probed(n=1), stream="waits")
    look(work=False)
    assert told(number) == []
    later(monkeypatch, 1)
    look(work=False)
    assert told(number) == FIRED
    settle()
    look()
    assert told(number) == BOTH


def test_traces_that_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    number = rule(kind="stuck", minutes=5).pk
    pause.pause("probe.batch", by="operator", reason="a test")
    done(1, stream="stands")
    look()
    assert told(number) == []  # it has only just begun
    later(monkeypatch, 6)
    Due.objects.update(state="sleeping")
    assert measure.measure(AlertRule.objects.get(pk=number)) == (0, "", "")
    Due.objects.update(state="pending")
    look()
    assert (told(number), about(number)) == (FIRED, "stands")
    pause.resume("probe.batch", by="operator")
    settle()
    fold.fold_all()
    look()
    assert told(number) == BOTH


def test_processes_that_stand_still() -> None:
    number = rule(kind="standing", minutes=5).pk
    stands = ProcessInstance.objects.create(
        process="mediator",
        key="7",
        step="paying",
        version=1,
        state_version=1,
        stream="order-7",
        correlation_id=uuid4(),
        position=1,
        started_at=clock.now(),
        changed_at=clock.now() - timedelta(minutes=6),
        timers={"late": {"event_id": str(uuid4()), "stream": "order-7"}},
    )
    look()
    assert told(number) == []  # it waits for a timer
    ProcessInstance.objects.update(timers={})
    look()
    assert (told(number), about(number)) == (FIRED, "mediator 7")
    ProcessInstance.objects.filter(key=stands.key).update(ended_at=clock.now())
    look()
    assert told(number) == BOTH


def test_projections_that_are_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    number = rule(kind="stale", threshold=60).pk
    for name in ("probe.tally", "probe.batch"):  # of which the second is none
        pause.pause(name, by="operator", reason="a test")
    done(1)
    look()
    assert told(number) == []
    later(monkeypatch, 2)
    look()
    assert (told(number), about(number)) == (FIRED, "probe.tally")
    pause.resume("probe.tally", by="operator")
    settle()
    look()
    assert told(number) == BOTH


def test_outlets_that_are_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    name = a_connector()
    try:
        number = rule(kind="connect", threshold=60).pk
        look()
        assert told(number) == []
        done(1)
        later(monkeypatch, 2)
        look(work=False)
        assert (told(number), about(number)) == (FIRED, name)
        Connector.objects.update_or_create(
            name=name, defaults={"paused_at": clock.now(), "paused_by": "operator"}
        )
        look()
        assert told(number) == BOTH
    finally:
        forget()


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("latency", {"minutes": "0"}),
        ("stuck", {"minutes": "x"}),
        ("silence", {"first_type": "Nothing"}),
    ],
)
def test_what_a_kind_needs_has_to_be_said(kind: str, more: dict[str, str]) -> None:
    with pytest.raises(rules.RuleRefused):
        rule(kind=kind, **more)
