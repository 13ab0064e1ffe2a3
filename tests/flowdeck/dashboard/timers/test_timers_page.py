"""Timers: what is due next, and what a person does about it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from flowdeck import cancel, clock, publish
from flowdeck.conf import conf
from flowdeck.engine import timers
from flowdeck.live.views import find
from flowdeck.models import AuditEntry, Clock, Event, Schedule, Timer
from flowdeck.observe.loading import load_trace
from flowdeck.testing import settle
from tests.accounts import person
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def set_one(seconds: float = 600, name: str = "remind") -> Timer:
    publish(Probed(n=1), stream="later", in_=seconds, timer=name)
    return Timer.objects.get(name=name, ended_at=None)


def test_what_is_due_next_comes_first_and_pages_go_on(operator: Client) -> None:
    for n in range(60):
        publish(Probed(n=n), stream="many", in_=60 * (60 - n), timer=f"t{n:02}")
    first = operator.get("/timers/")
    shown = [timer.name for timer in first.context["shown"].rows]
    assert shown == [f"t{n:02}" for n in range(59, 9, -1)]
    assert first.context["shown"].agenda.open == 60
    rest = operator.get(f"/timers/?{first.context['shown'].next_query}")
    assert [timer.name for timer in rest.context["shown"].rows] == [
        f"t0{n}" for n in range(9, -1, -1)
    ]
    assert sum(first.context["shown"].agenda.minutes) >= 58
    assert (
        "<script>" not in operator.get("/timers/?name=<script>&after=x&number=y").content.decode()
    )


@pytest.mark.parametrize("verb", ["fire", "cancel", "move"])
def test_what_a_person_does_to_a_timer_is_done_once_and_audited(
    operator: Client, verb: str
) -> None:
    timer = set_one()
    asked = operator.get(f"/timers/?{verb}={timer.pk}").content.decode()
    assert "Why?" in asked
    path, at = f"/timers/{timer.pk}/", (clock.now() + timedelta(days=2)).isoformat()
    assert operator.post(path, {"verb": verb, "reason": "", "at": at}).status_code == 422
    assert operator.post(path, {"verb": verb, "reason": "a test", "at": at}).status_code == 302
    entry = AuditEntry.objects.get(allowed=True)
    assert (entry.action, entry.reason) == (f"{verb} timer", "a test")
    assert entry.target == "timer remind of later"
    assert timers.fire_all() == (1 if verb == "fire" else 0)
    if verb == "move":
        assert Timer.objects.get().due_at - clock.now() > timedelta(days=1)
    else:  # it has come, or it is over: there is nothing left to do
        ended = list(Timer.objects.values_list())
        operator.post(path, {"verb": "cancel", "reason": "again"})
        assert list(Timer.objects.values_list()) == ended
        assert AuditEntry.objects.filter(allowed=True).count() == 1


def test_all_are_held_with_a_reason_and_released(operator: Client) -> None:
    set_one(0)
    operator.post("/timers/switch/", {"ask": "hold", "reason": "the bank is down"})
    assert timers.fire_all() == 0
    assert "the bank is down" in operator.get("/timers/").content.decode()
    operator.post("/timers/switch/", {"ask": "release", "reason": "it is back"})
    assert timers.fire_all() == 1
    assert Clock.objects.get().held_at is None
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["hold timers", "release timers"]


def test_what_ended_without_an_event_says_how(operator: Client) -> None:
    set_one()
    cancel("remind", stream="later")
    page = operator.get("/timers/?tab=ended").content.decode()
    assert "cancelled" in page
    assert f"by {conf().PRODUCER}" in page


def test_a_trace_shows_what_is_still_to_come_and_waits(operator: Client) -> None:
    receipt = publish(Probed(n=1), stream="t")
    settle()
    first = Event.objects.get()
    for name in ("open", "gone"):
        publish(
            Probed(n=2),
            stream="t",
            in_=600,
            timer=name,
            correlation_id=receipt.correlation_id,
            causation_id=first.id,
        )
    cancel("gone", stream="t")
    trace = load_trace(receipt.correlation_id)
    assert trace is not None
    assert trace.outcome == "waits"
    page = operator.get(f"/traces/{receipt.correlation_id}/").content.decode()
    assert "open, due in" in page
    assert '<s class="clip">Probed</s>' in page
    Timer.objects.filter(name="open").update(due_at=clock.now())
    timers.fire_all()
    settle()
    again = load_trace(receipt.correlation_id)
    assert again is not None
    assert again.outcome == "done"
    assert again.events[1].set_at is not None


def test_a_schedule_is_listed_paused_and_resumed(operator: Client) -> None:
    row = {"expression": "0 2 * * *", "zone": "UTC", "last_nominal": clock.now()}
    Schedule.objects.create(name="nightly", **row)
    assert "nightly" in operator.get("/timers/?tab=schedules").content.decode()
    path = "/timers/schedules/nightly/"
    assert operator.post(path, {"verb": "pause"}).status_code == 422
    operator.post(path, {"verb": "pause", "reason": "holidays"})
    assert "holidays" in operator.get("/timers/?tab=schedules").content.decode()
    operator.post(path, {"verb": "resume", "reason": "back"})
    assert Schedule.objects.get().paused_at is None
    targets = AuditEntry.objects.values_list("target", flat=True)
    assert list(targets) == ["schedule nightly"] * 2


def test_the_live_view_has_the_regions_of_the_page() -> None:
    set_one()
    view = find("timers:name=x&tab=ended&nonsense=1")
    assert view is not None
    assert view.text == "timers:tab=ended&name=x"
    made = view.view(person("operator"), "")
    assert [one.id for one in made.regions()] == ["timers-head", "timers-hour", "timers-rows"]


def test_the_command_lists_and_acts() -> None:
    timer = set_one()
    out = StringIO()
    call_command("flowdeck", "timers", stdout=out)
    assert f"{timer.pk}" in out.getvalue()
    assert "1 open timer" in out.getvalue()
    with pytest.raises(CommandError, match="--reason"):
        call_command("flowdeck", "timers", "cancel", str(timer.pk))
    call_command("flowdeck", "timers", "cancel", str(timer.pk), "--reason", "x", stdout=out)
    assert Timer.objects.get().ended_as == "cancelled"
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("flowdeck", "timers", "fire", str(timer.pk), "--reason", "x")
