"""What comes by a calendar comes once for each nominal time, whatever clocks and workers do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flowdeck import schedule
from flowdeck.declare.schedule import Schedule, schedules
from flowdeck.engine import pause
from flowdeck.engine import schedules as planning
from flowdeck.errors import RegistrationError
from flowdeck.models import Event, Timer
from flowdeck.models import Schedule as Row
from flowdeck.testing import passes, settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
DAILY = "0 2 * * *"


@pytest.fixture
def declared() -> Iterator[Callable[..., Schedule]]:
    """Declares a schedule for one test."""

    def declare(expression: str = DAILY, **options: Any) -> Schedule:
        @schedule(expression, name="probe", **options)
        def make(nominal: datetime) -> Probed:
            """Once a day."""
            return Probed(n=nominal.day)

        planning.forget_introduced()
        return schedules["probe"]

    yield declare
    schedules.pop("probe", None)
    planning.forget_introduced()


def came() -> list[Event]:
    return list(Event.objects.filter(stream="schedule-probe").order_by("sequence"))


def test_the_next_one_is_open_and_comes_once(declared: Callable[..., Schedule]) -> None:
    made = declared()
    settle()
    (timer,) = Timer.objects.all()
    assert timer.due_at == made.after(datetime.now(UTC))
    assert came() == []
    planning.plan()
    assert Timer.objects.count() == 1
    passes(days=1)
    (event,) = came()
    assert event.producer == "schedule:probe"
    assert "missed" not in event.metadata
    assert Timer.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize(
    ("options", "events", "missed"),
    [
        ({"missed": "last"}, 1, 2),
        ({"missed": "all"}, 3, None),
        ({"missed": "all", "within": timedelta(hours=24)}, 1, None),
        ({"missed": "none"}, 0, None),
    ],
)
def test_what_was_missed_comes_as_it_is_declared(
    options: dict[str, Any], events: int, missed: int | None, declared: Callable[..., Schedule]
) -> None:
    declared(**options)
    settle()
    passes(days=3)  # nobody was there
    found = came()
    assert len(found) == events
    assert len({event.id for event in found}) == events
    assert [event.metadata.get("missed") for event in found] == [missed] * events
    (timer,) = Timer.objects.filter(ended_at=None)
    assert timer.due_at > datetime.now(UTC)


def test_none_overlaps_one_that_is_under_way(declared: Callable[..., Schedule]) -> None:
    declared(overlap="skip")
    pause.pause("probe.atomic", by="tester", reason="to be under way")
    settle()
    passes(days=1)
    passes(days=1)
    assert len(came()) == 1
    skipped = Timer.objects.get(ended_by="overlap")
    assert skipped.ended_as == "cancelled"
    pause.resume("probe.atomic", by="tester")
    settle()
    passes(days=1)
    assert len(came()) == 2


def test_a_new_declaration_plans_anew_and_an_old_one_leaves_it_alone(
    declared: Callable[..., Schedule],
) -> None:
    old = declared()
    settle()
    declared("0 5 * * *", zone="Asia/Tokyo")
    settle()
    (timer,) = Timer.objects.all()
    assert timer.due_at.astimezone(ZoneInfo("Asia/Tokyo")).hour == 5
    schedules["probe"] = old  # a process that still runs the code of before
    Timer.objects.all().delete()
    planning._introduced.add((old.name, old.expression, old.zone))
    planning.plan()
    assert not Timer.objects.exists()


def test_an_event_that_can_not_be_made_is_told_and_tried_again(
    declared: Callable[..., Schedule], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = declared()

    def fails(nominal: datetime) -> Probed:
        raise ValueError("no report today")

    with monkeypatch.context() as broken:
        broken.setitem(vars(made), "make", fails)
        planning.plan()
        assert Row.objects.get().error == "ValueError: no report today"
    planning.plan()
    assert Row.objects.get().error == ""
    assert Timer.objects.count() == 1


@pytest.mark.parametrize(
    ("zone", "expression", "day", "expected"),
    [
        # forth: what falls into the gap comes at its end
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00+01:00", ["01:00", "00:30"]),
        ("America/New_York", "30 2 * * *", "2026-03-07T12:00-05:00", ["07:00", "06:30"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00+10:30", ["15:30", "15:15"]),
        # back: a fixed time comes once
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00+02:00", ["00:30", "01:30"]),
        ("America/New_York", "30 1 * * *", "2026-10-31T12:00-04:00", ["05:30", "06:30"]),
        # no such days
        ("Asia/Tokyo", "30 2 * * *", "2026-03-28T12:00+09:00", ["17:30", "17:30"]),
        # by real time
        ("Europe/Berlin", "0 * * * *", "2026-10-25T00:30+02:00", ["23:00", "00:00", "01:00"]),
    ],
)
def test_clocks_that_go_forth_and_back(
    zone: str, expression: str, day: str, expected: list[str], declared: Callable[..., Schedule]
) -> None:
    made = declared(expression, zone=zone)
    moment, times = datetime.fromisoformat(day), []
    for _ in expected:
        moment = made.after(moment)
        times.append(moment.strftime("%H:%M"))
    assert times == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"expression": "61 * * * *"},
        {"expression": "0 0 30 2 *"},
        {"zone": "Europe/Atlantis"},
        {"missed": "some"},
        {"within": timedelta(hours=1)},
    ],
)
def test_what_can_not_work_is_refused_when_it_is_declared(
    wrong: dict[str, Any], declared: Callable[..., Schedule]
) -> None:
    with pytest.raises(RegistrationError, match="schedule 'probe'"):
        declared(**wrong)
