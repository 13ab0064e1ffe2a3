"""The timeline: what is drawn of the newest events, and that it costs the same at any size."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client

from flowdeck import clock, publish
from flowdeck.dashboard.timeline import counts as timeline_counts
from flowdeck.dashboard.timeline import data as timeline_data
from flowdeck.dashboard.timeline.counts import counted
from flowdeck.declare.registry import registry, slot_of
from flowdeck.engine import pause
from flowdeck.history import gauges
from flowdeck.history.gauges import Reading
from flowdeck.models import Attempt, Delivery, Due, Event, Fold, Release, Tally
from flowdeck.sql import dialect
from flowdeck.testing import settle
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless, hostile_event
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def drawn(page: str) -> list[str]:
    """Positions of the marks."""
    return re.findall(r'id="tl-(\d+)"', page)


def at(moment: datetime) -> str:
    """As the address has it."""
    return moment.replace(tzinfo=None).isoformat()


def shown(client: Client, query: str = "") -> str:
    answer = client.get(f"/timeline/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_nothing_happened(viewer: Client) -> None:
    page = shown(viewer)
    assert "Nothing was recorded in the last 15 s" in page
    assert "p50 –" in page, "unknown is a dash, not 0"


def test_each_event_is_a_mark_and_each_processor_has_its_lane(viewer: Client) -> None:
    publish(Probed(n=1), Probed(n=2, echoes=1), stream="probe-1")
    settle()
    page = shown(viewer)
    assert sorted(drawn(page)) == sorted(map(str, Event.objects.values_list("position", flat=True)))
    assert 'title="probe.atomic"' in page
    assert 'class="b-' in page


def test_what_belongs_to_the_selected_event_is_told_apart(viewer: Client) -> None:
    publish(Probed(n=1, echoes=1), stream="probe-1")
    settle()
    page = shown(viewer, f"?selected={Event.objects.first().position}")
    assert "picked" in page
    assert 'class="arc"' in page
    assert "Causes and effects" in page


def test_a_full_window_is_drawn_as_counts(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_data, "MOST", 20)
    publish(*[Probed(n=n) for n in range(30)], stream="probe-1")
    page = shown(viewer)
    assert drawn(page) == []
    assert "drawn as counts" in page
    assert "<b>30</b> in 5 min" in page


def test_a_processor_that_needs_a_person_says_so(viewer: Client) -> None:
    publish(Probed(n=1, fails=9, by="probe.atomic"), stream="probe-1")
    settle()
    pause.pause("probe.batch", by="operator", reason="test")
    page = shown(viewer)
    assert "1 dead" in page
    assert "paused" in page


@pytest.mark.parametrize("query", ["?window=7", "?window=x&selected=y", "?selected=" + "9" * 18])
def test_a_query_that_makes_no_sense_is_left_out(viewer: Client, query: str) -> None:
    assert 'aria-current="true">15 s' in shown(viewer, query)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_it_is_shown_as_text(viewer: Client, text: str) -> None:
    event = hostile_event(text)
    assert_harmless(shown(viewer, f"?selected={event.position}"))


def test_an_earlier_window_shows_what_happened_then(viewer: Client) -> None:
    publish(Probed(n=1), stream="probe-1")
    event = Event.objects.get()
    recorded, position = event.recorded_at, str(event.position)
    assert drawn(shown(viewer, f"?until={at(recorded + timedelta(seconds=5))}")) == [position]
    page = shown(viewer, f"?until={at(recorded - timedelta(seconds=1))}")
    assert drawn(page) == []
    assert "Nothing was recorded in this window" in page
    assert "Follow" in page
    assert f'id="event-{position}"' not in page, "the log ends where the window does"


def test_many_processors_are_folded_but_not_those_in_trouble(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_data, "LANES", 2)
    names = list(registry.processors)
    pause.pause(names[-1], by="operator", reason="test")
    page = shown(viewer)
    lanes = re.findall(r'class="grow clip"(?: href="[^"]+")? title="([^"]+)"', page)
    assert lanes == ["producers", *names[:2], names[-1]]
    assert f"{len(names) - 3} more" in page
    assert len(re.findall(r'class="grow clip"', shown(viewer, "?lanes=all"))) == 1 + len(names)


def test_processors_without_work_for_an_hour_are_folded_first(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_data, "LANES", 3)
    publish(Probed(n=1), stream="probe-1")
    settle()
    page = shown(viewer)
    lanes = re.findall(r'class="grow clip"(?: href="[^"]+")? title="([^"]+)"', page)
    worked = {d.processor for d in Delivery.objects.all()}
    assert set(lanes[1:]) <= worked
    assert [name for name in registry.processors if name in lanes] == lanes[1:], "by name"


def long_ago(sequence: int, seconds: int) -> Event:
    """An event of some time ago, without deliveries."""
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    return Event.objects.create(
        id=uuid4(),
        stream="probe-old",
        sequence=sequence,
        type="Probed",
        version=1,
        data={"n": sequence},
        key="probe-old",
        correlation_id=uuid4(),
        producer="tests",
        occurred_at=at,
        recorded_at=at,
    )


def deliver(event: Event, processor: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        row = (event.position, event.key, slot_of(event.key))
        dialect().insert_deliveries(cursor, processor, [row], "pending")


def test_who_works_off_a_backlog_is_seen_to_work(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events are older than the window, and newer ones are as many as are drawn."""
    monkeypatch.setattr(timeline_data, "MOST", 3)
    old = [long_ago(n, 120 - n) for n in range(1, 9)]
    assert "0.0/s" in head(shown(viewer, "?lanes=all"), "probe.atomic")
    for event in old[:2]:
        deliver(event, "probe.atomic")
    settle()
    page = shown(viewer, "?lanes=all")
    assert "0.1/s" in head(page, "probe.atomic"), "two in fifteen seconds"
    assert 'class="b-' in page
    assert drawn(page) == [], "an event of before the window has no mark in it"
    for event in old[2:6]:
        deliver(event, "probe.batch")
    settle()
    assert "drawn as counts" in shown(viewer), "more than can be drawn one by one"


def head(page: str, lane: str) -> str:
    """What stands before a lane."""
    found = re.search(f'title="{lane}".*?</li>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_a_past_window_says_nothing_of_today(viewer: Client) -> None:
    publish(Probed(n=1, fails=9, by="probe.atomic"), stream="probe-1")
    settle()
    pause.pause("probe.batch", by="operator", reason="test")
    assert "1 dead" in shown(viewer)
    page = shown(viewer, f"?until={at(datetime.now(UTC) - timedelta(minutes=1))}")
    assert "1 dead" not in page
    assert "paused" not in page.split("<main")[1].split("tl-log")[0]


def test_failures_are_a_foot_in_their_lane(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_data, "MOST", 20)
    publish(*[Probed(n=n, fails=1, by="probe.atomic") for n in range(22)], stream="probe-1")
    settle()
    page = shown(viewer, "?lanes=all")
    lanes = dict(re.findall(r'<svg id="lane-([^"]+)"(.*?)</svg>', page, re.DOTALL))
    assert "h-bad" in lanes["probe.atomic"]
    assert "h-bad" not in lanes["probe.leased"]
    assert "b-count" in lanes["probe.leased"]


@pytest.mark.parametrize("step", [1, 10, 60])
def test_counts_are_those_of_the_database(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(*[Probed(n=n, fails=n % 2, by="probe.atomic") for n in range(40)], stream="probe-1")
    settle()
    now = datetime.now(UTC)
    few = counted(now - timedelta(minutes=5), now, step)
    monkeypatch.setattr(timeline_counts, "FEW", 0)
    many = counted(now - timedelta(minutes=5), now, step)
    for found in (few, many):
        assert found.events.total() == Event.objects.count()
        assert found.done.total() == Delivery.objects.filter(state="done").count()
        assert found.failed.total() == Attempt.objects.count() > 0
        assert found.whole
    assert few.step == step
    assert many.step == max(step, 10), "figures are by ten seconds at best"


def test_what_is_not_counted_yet_is_said(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_data, "MOST", 20)
    monkeypatch.setattr(timeline_counts, "FEW", 20)
    publish(*[Probed(n=n) for n in range(30)], stream="probe-1")
    settle()
    page = shown(viewer)
    assert "<b>30</b> in 5 min" in page
    assert "as of" not in page
    publish(Probed(n=1), stream="probe-2")
    Tally.objects.update(at=datetime.now(UTC) - timedelta(seconds=12))
    page = shown(viewer)
    assert "counts as of" in page
    assert "–/s" in page
    Fold.objects.update(since=datetime.now(UTC) - timedelta(seconds=5))
    assert "its beginning left out" in shown(viewer)


def test_the_number_of_queries_is_constant(
    viewer: Client, django_assert_max_num_queries: Any
) -> None:
    counts = set()
    for count in (1, 30):
        publish(*[Probed(n=n, echoes=1) for n in range(count)], stream="probe-1")
        settle()
        for query in ("", "?window=3600"):
            with django_assert_max_num_queries(40) as asked:
                shown(viewer, query)
            counts.add((query, len(asked)))
    assert len(counts) == 2, counts


def test_what_waits_is_a_band_and_says_how_much(viewer: Client) -> None:
    pause.pause("probe.batch", by="lena", reason="stock count")
    publish(*[Probed(n=n) for n in range(8)], stream="probe-1")
    settle()
    now = clock.now()
    gauges.note(now - timedelta(seconds=70), {"probe.batch": Reading(2)})
    gauges.note(now - timedelta(seconds=10), {"probe.batch": Reading(8)})
    page = shown(viewer, "?window=60")
    waiting = Due.objects.filter(processor="probe.batch", state="pending").count()
    assert re.findall(r'class="band (\w+)"', page) == ["parked"], "and no other has one"
    assert re.search(rf">{waiting} wait, (oldest [^<]+, )?\+6 a minute<", page)
    assert "banded parked" in page
    past = at((now - timedelta(hours=1)).astimezone(UTC))
    assert "band " not in shown(viewer, f"?window=60&until={past}"), "nobody read it then"


def test_a_lane_with_a_band_is_never_folded(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_data, "LANES", 0)
    publish(*[Probed(n=n) for n in range(8)], stream="probe-1")
    page = shown(viewer)
    assert 'href="/processors/probe.batch/"' in page
    assert "band pending" in page


def test_failures_and_dead_letters_are_stacked_in_their_colours(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_data, "MOST", 0)
    publish(Probed(n=1, fails=9, by="probe.batch"), Probed(n=2), stream="probe-1")
    settle()
    found = counted(clock.now() - timedelta(minutes=1), clock.now(), 1)
    assert sum(n for (name, _), n in found.failed.items() if name == "probe.batch") == 3
    assert sum(n for (name, _), n in found.dead.items() if name == "probe.batch") == 1
    page = shown(viewer, "?window=60").split('class="mini"')[0]
    lane = page.split('id="lane-probe.batch"')[1].split("</svg>")[0]
    assert set(re.findall(r'class="(h-\w+)"', lane)) == {"h-bad", "h-dead"}


def test_a_release_stands_on_the_strip(viewer: Client) -> None:
    Release.objects.create(name="a41f9c2", first_seen_at=clock.now() - timedelta(minutes=3))
    lanes, strip = shown(viewer).split('class="mini"')
    assert "Release a41f9c2" in strip
    assert "Release a41f9c2" not in lanes, "it was before the window"
