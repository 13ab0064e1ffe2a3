"""The timeline: what is drawn of the newest events, and that it costs the same at any size."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.timeline import counts as timeline_counts
from flowdeck.dashboard.timeline import data as timeline_data
from flowdeck.dashboard.timeline import past as timeline_past
from flowdeck.dashboard.timeline.counts import Stretch
from flowdeck.declare.registry import registry
from flowdeck.engine import pause
from flowdeck.models import Delivery, Event
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
    lanes = re.findall(r'<span class="grow clip" title="([^"]+)"', page)
    assert lanes == ["producers", *names[:2], names[-1]]
    assert f"{len(names) - 3} more" in page
    assert len(re.findall(r'<span class="grow clip"', shown(viewer, "?lanes=all"))) == 1 + len(
        names
    )


def test_processors_without_work_for_an_hour_are_folded_first(
    viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_data, "LANES", 3)
    publish(Probed(n=1), stream="probe-1")
    settle()
    page = shown(viewer)
    lanes = re.findall(r'<span class="grow clip" title="([^"]+)"', page)
    worked = {d.processor for d in Delivery.objects.all()}
    assert set(lanes[1:]) <= worked
    assert [name for name in registry.processors if name in lanes] == lanes[1:], "by name"


def test_counts_are_those_of_the_database(viewer: Client) -> None:
    publish(*[Probed(n=n) for n in range(40)], stream="probe-1")
    settle()
    now = datetime.now(UTC)
    stretch = Stretch.of(now - timedelta(hours=1), now, 60)
    assert sum(stretch.events().values()) == Event.objects.count()
    assert sum(stretch.deliveries().values()) == Delivery.objects.filter(state="done").count()
    assert not stretch.cut


def test_a_stretch_too_long_says_that_it_was_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_counts, "COUNTED", 10)
    publish(*[Probed(n=n) for n in range(40)], stream="probe-1")
    now = datetime.now(UTC)
    stretch = Stretch.of(now - timedelta(hours=1), now, 60)
    assert stretch.cut
    assert sum(stretch.events().values()) == 10


def test_the_number_of_queries_is_constant(
    viewer: Client, django_assert_max_num_queries: Any
) -> None:
    counts = set()
    for count in (1, 30):
        publish(*[Probed(n=n, echoes=1) for n in range(count)], stream="probe-1")
        settle()
        for query in ("", "?window=3600"):
            timeline_past.forget()
            with django_assert_max_num_queries(26) as asked:
                shown(viewer, query)
            counts.add((query, len(asked)))
    assert len(counts) == 2, counts
