"""Filters of the log: what fits and nothing else, searched within bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.logs import search as log_search
from flowdeck.dashboard.logs.filter import LogFilter
from flowdeck.dashboard.logs.search import LogPage, search
from flowdeck.log.positions import first_since
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless
from tests.probe.events import Echoed, Keyed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


def found(query: str) -> LogPage:
    """The page of a query, which must make sense."""
    wanted = LogFilter.parse(QueryDict(query))
    assert wanted.problems == ()
    return search(wanted)


def streams(query: str) -> list[str]:
    """Streams of the rows found, newest first."""
    return [event.stream for event in found(query).rows]


def everything(query: str) -> list[int]:
    """Positions of all pages, following the links to older ones."""
    seen: list[int] = []
    for _ in range(500):
        page = found(query)
        seen += [event.position for event in page.rows]
        if page.older is None:
            return seen
        query = page.older
    raise AssertionError("the pages never end")


@pytest.fixture
def mixed() -> None:
    publish(Probed(n=7, by="a"), stream="probe-a")
    publish(Probed(n=8), stream="probe-b", producer="tests")
    publish(Keyed(owner="me"), stream="keyed-c")


@pytest.mark.usefixtures("mixed")
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("data.n=7", ["probe-a"]),
        ("data.n=7&data.by=a", ["probe-a"]),
        ("data.n=7&data.by=b", []),
        ("not.data.n=7", ["keyed-c", "probe-b"]),
        ("data.owner=me", ["keyed-c"]),
        ("data.nothing=7", []),
        ("data.n.deeper=7", []),
        ("not.type=Probed", ["keyed-c"]),
        ("not.stream=probe-*", ["keyed-c"]),
        ("stream=probe-*", ["probe-b", "probe-a"]),
        ("stream=probe-*&not.producer=tests", ["probe-a"]),
        ("since=1h", ["keyed-c", "probe-b", "probe-a"]),
        ("until=1h", []),
        ("field=n&is=7", ["probe-a"]),
        ("field=n&is=7&field_not=1", ["keyed-c", "probe-b"]),
        ("out=type&out_is=Keyed", ["probe-b", "probe-a"]),
    ],
)
def test_what_fits_is_found(query: str, wanted: list[str]) -> None:
    assert streams(query) == wanted
    assert streams(LogFilter.parse(QueryDict(query)).query) == wanted, "a deep link finds the same"


def test_payload_fields_inside_lists_and_of_every_kind() -> None:
    data = {"items": [{"sku": "mug"}], "paid": True, "total": "12.50", "weight": 1.5, "user_id": 7}
    Event.objects.create(
        position=1,
        id="01890000-0000-7000-8000-000000000001",
        stream="s-1",
        sequence=1,
        type="Probed",
        version=1,
        data=data,
        key="s-1",
        correlation_id="01890000-0000-7000-8000-000000000001",
        producer="tests",
        occurred_at=datetime.now(UTC),
        recorded_at=datetime.now(UTC),
    )
    for query in ("items.0.sku=mug", "paid=true", "total=12.50", "weight=1.5", "user_id=7"):
        assert streams(f"data.{query}") == ["s-1"], query


def test_delivery_states() -> None:
    publish(Probed(n=1, fails=9, by="probe.atomic"), stream="probe-dead")
    settle()
    publish(Probed(n=2), stream="probe-dead")  # waits behind the dead letter
    publish(Probed(n=3), stream="probe-waits")
    dead, parked = Event.objects.filter(stream="probe-dead").values_list("position", flat=True)
    assert everything("state=dead") == [dead]
    assert everything("state=dead&processor=probe.leased") == []
    assert everything("state=parked&processor=probe.atomic") == [parked]
    assert streams("state=pending&processor=probe.atomic") == ["probe-waits", "probe-dead"]
    settle()
    assert streams("state=pending&processor=probe.leased") == []
    assert "probe-waits" in streams("state=done&processor=probe.atomic")
    assert set(streams("processor=probe.atomic")) == {"probe-dead", "probe-waits"}


def test_a_long_search_is_cut_and_can_be_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "SHORT_STRETCH", 10)
    with transaction.atomic():
        publish(*[Probed(n=1000) for _ in range(30)], stream="probe-given-up")
        transaction.set_rollback(True)
    publish(Probed(n=1000), stream="probe-rare")
    publish(*[Probed(n=n) for n in range(30)], stream="probe-1")
    page = found("data.n=1000")
    assert page.rows == []
    assert page.searched_to is not None
    first = Event.objects.order_by("position").values_list("position", flat=True)[0]
    assert everything("data.n=1000") == [first]
    assert everything("data.n=3") == [first + 4]
    assert found(f"data.n=1000&before={first + 5}").older is None, "the log begins there"


def test_many_in_a_state_are_all_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "_CANDIDATES", 7)
    publish(*[Probed(n=n) for n in range(40)], stream="probe-1")
    newest_first = Event.objects.order_by("-position").values_list("position", flat=True)
    assert everything("state=pending") == list(newest_first)


def test_the_first_position_since_a_time() -> None:
    start = datetime.now(UTC) - timedelta(hours=1)
    assert first_since(start) == 1, "an empty log begins at 1"
    for n in range(50):
        publish(Echoed(n=n, by="x"), stream=f"s-{n % 3}")
    times = dict(Event.objects.values_list("position", "recorded_at"))
    for position, moment in times.items():
        assert first_since(moment) == min(p for p, t in times.items() if t >= moment), position
    assert first_since(start) == min(times)
    assert first_since(datetime.now(UTC)) == max(times) + 1


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("state=asleep", "is none of"),
        ("since=yesterday", "is not a time"),
        ("until=0001-01-01T00:00", "is not a time"),
        ("until=2026-02-31T00:00", "is not a time"),
        ("data.a'b=1", "is not a payload field"),
        ("data.a.b.c.d.e.f=1", "is not a payload field"),
        ("data.=1", "is not a payload field"),
        ("&".join(f"data.f{n}=1" for n in range(11)), "one condition too many"),
        ("data.n=" + "x" * 201, "is longer than"),
        ("stream=" + "%C3%A4" * 190, "filter is longer than"),
    ],
)
def test_what_makes_no_sense_is_told(viewer: Client, query: str, problem: str) -> None:
    answer = viewer.get(f"/events/?{query}")
    assert answer.status_code == 200
    assert problem in answer.content.decode()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_filter_is_shown_as_text(viewer: Client, text: str) -> None:
    assert_harmless(
        viewer.get(f"/events/?data.n={quote(text)}&stream={quote(text)}").content.decode()
    )


def test_the_form_leads_to_a_short_address(viewer: Client) -> None:
    answer = viewer.get("/events/?type=Probed&stream=&state=&field=n&is=7&out=&out_is=")
    assert answer.headers["Location"] == "/events/?type=Probed&data.n=7"
    answer = viewer.get("/timeline/?window=60&type=&field=n&is=7")
    assert answer.headers["Location"] == "/timeline/?window=60&data.n=7"


def test_a_search_cut_off_says_so(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_search, "SHORT_STRETCH", 10)
    publish(*[Probed(n=n) for n in range(30)], stream="probe-1")
    page = viewer.get("/events/?data.n=1000").content.decode()
    assert "search cut off" in page
    assert re.search(r'rel="next" href="[^"]+">.*Search further back', page)


@pytest.mark.parametrize("query", ["state=dead", "state=parked", "data.n=1&since=1h", "not.type=X"])
def test_the_number_of_queries_is_constant(
    viewer: Client, django_assert_max_num_queries: Any, query: str
) -> None:
    counts = set()
    for count in (1, 120):
        publish(*[Probed(n=1) for _ in range(count)], stream="probe-1")
        publish(Probed(fails=9, by="probe.atomic"), stream="probe-dead")
        settle()
        publish(Probed(), stream="probe-dead")
        with django_assert_max_num_queries(16) as asked:
            viewer.get(f"/events/?{query}")
        counts.add(len(asked))
    assert len(counts) == 1, counts
