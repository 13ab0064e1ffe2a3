"""The event log: rows, filters, pages both ways, the drawer."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.logs import search as log_search
from flowdeck.dashboard.logs.filter import LogFilter
from flowdeck.dashboard.logs.live import LogCountView
from flowdeck.dashboard.logs.search import search
from flowdeck.dashboard.shared.columns import OPTIONAL
from flowdeck.live import Changes
from flowdeck.models import Event
from flowdeck.testing import settle
from tests.probe.events import Probed

ROW = re.compile(r'<tr id="event-(\d+)"')


def positions(html: str) -> list[int]:
    """Positions of the rows shown, in order."""
    return [int(match) for match in ROW.findall(html)]


def text(client: Client, url: str) -> str:
    """The page, which must be there."""
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def fill(count: int, **names: Any) -> None:
    publish(*[Probed(n=n) for n in range(count)], stream=names.get("stream", "probe-1"))


def test_rows_say_what_happened_and_how_far_it_is(operator: Client) -> None:
    publish(Probed(n=1, rejects="probe.batch"), stream="probe-1")
    settle()
    page = text(operator, "/events/")
    assert "Probed" in page
    assert "probe-1" in page
    assert 'aria-label="probe.batch: dead"' in page
    assert 'aria-label="probe.atomic: done"' in page
    labels = re.findall(r'aria-label="(probe\.\w+): ', page)
    assert labels == sorted(labels), "dots are in fixed order of processors"


def test_an_empty_log_says_what_would_be_here(operator: Client) -> None:
    assert "No events yet" in text(operator, "/events/")


def test_pages_lead_through_the_whole_log_and_back(operator: Client) -> None:
    fill(250)
    everything = list(Event.objects.order_by("-position").values_list("position", flat=True))
    url, seen, last = "/events/", [], ""
    while url:
        page, last = text(operator, url), url
        seen += positions(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        url = older[1].replace("&amp;", "&") if older else ""
    assert seen == everything
    newer = re.search(r'rel="prev" href="([^"]+)"', text(operator, last))
    assert newer is not None
    assert positions(text(operator, newer[1])) == everything[100:200]


@pytest.mark.parametrize("name", ["type", "stream", "correlation", "producer"])
def test_filters_show_what_fits_and_nothing_else(operator: Client, name: str) -> None:
    fill(3, stream="probe-other")
    receipt = publish(Probed(n=1), stream="probe-wanted", producer="wanted")
    settle()
    value = {
        "type": "Probed",
        "stream": "probe-wanted",
        "correlation": str(receipt.correlation_id),
        "producer": "wanted",
    }[name]
    column = "correlation_id" if name == "correlation" else name
    wanted = Event.objects.filter(**{column: value}).order_by("-position")
    page = text(operator, f"/events/?{name}={value}")
    assert positions(page) == list(wanted.values_list("position", flat=True))
    assert f'data-live-view="log:{name}=' in page


def test_a_filter_that_makes_no_sense_says_so(operator: Client) -> None:
    for query in ("correlation=x", "before=x", "after=-1", "stream=" + "x" * 300, "before=9" * 1):
        assert operator.get(f"/events/?{query}").status_code == 200
    assert "is not a correlation id" in text(operator, "/events/?correlation=x")
    assert "is not a number from 0 to" in text(operator, "/events/?before=99999999999999999999")
    assert "is longer than" in text(operator, "/events/?stream=" + "x" * 300)


def test_an_unindexed_filter_looks_at_a_bounded_stretch(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_search, "STRETCH", 10)
    publish(Probed(n=0), stream="probe-1", producer="rare")
    fill(30)
    page, found = search(LogFilter(producer="rare")), []
    for _ in range(10):
        found += page.rows
        if page.older is None:
            break
        assert page.searched_to is not None
        from django.http import QueryDict

        page = search(LogFilter.parse(QueryDict(page.older)))
    assert [event.producer for event in found] == ["rare"]


def test_the_drawer_shows_envelope_payload_causes_and_effects(operator: Client) -> None:
    publish(Probed(n=7, echoes=1, fails=1, by="probe.batch"), stream="probe-1")
    settle()
    event = Event.objects.get(type="Probed")
    page = text(operator, f"/events/{event.position}/")
    for part in (str(event.id), "probe-1", "&quot;n&quot;", "Echoed", "probe.batch"):
        assert part in page
    echo = Event.objects.filter(type="Echoed").first()
    assert echo is not None
    assert "Probed" in text(operator, f"/events/{echo.position}/")


def test_htmx_gets_the_drawer_alone(operator: Client) -> None:
    fill(1)
    position = Event.objects.get().position
    response = operator.get(f"/events/{position}/", headers={"HX-Request": "true"})
    assert b"<html" not in response.content
    assert b"Envelope" in response.content


def test_an_event_that_is_not_there_is_not_found(operator: Client) -> None:
    assert operator.get("/events/999999/").status_code == 404
    assert operator.get("/events/99999999999999999999/").status_code == 404


def test_the_number_of_queries_is_constant(
    operator: Client, django_assert_num_queries: Any
) -> None:
    publish(Probed(n=0), stream="probe-1", producer="me")
    with django_assert_num_queries(15):  # shell 9, max, rows, deliveries, held, lanes, views
        operator.get("/events/?producer=me")
    publish(*[Probed(n=n) for n in range(150)], stream="probe-1", producer="me")
    with django_assert_num_queries(15):
        operator.get("/events/?producer=me")


def test_a_correlation_nobody_knows_is_an_empty_page(operator: Client) -> None:
    assert "No event fits" in text(operator, f"/events/?correlation={uuid4()}")


def test_under_the_list_stands_how_many_there_are_in_all(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(url: str) -> str:
        page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text(operator, url)))
        found = re.search(r"showing the newest \d+ of (?:more than )?[\d,]+", page)
        return found[0] if found else ""

    assert told("/events/") == ""
    fill(150)
    assert told("/events/") == "showing the newest 100 of 150"
    assert told("/events/?stream=probe-1") == "showing the newest 100 of 150"
    assert told("/events/?type=Probed&since=1h") == "showing the newest 100 of 150"
    assert told("/events/?data.n=3") == "", "that would take looking at all events"
    monkeypatch.setattr(log_search, "COUNTED", 120)
    assert told("/events/") == "showing the newest 100 of more than 120"


def test_the_count_follows_until_it_is_more_than_is_counted(
    operator: Client, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    fill(3)
    view = LogCountView(None, "type=Probed")
    assert ">3</span>" in view.regions()[0].html
    fill(2)
    newer = Changes()
    newer.touch(Event.objects.latest("position").position)
    assert ">5</span>" in view.patch(newer)[0].html
    assert view.patch(newer) == [], "settled deliveries add no event"
    monkeypatch.setattr(log_search, "COUNTED", 4)
    assert "more than 4" in view.regions()[0].html
    with django_assert_num_queries(0):
        assert view.patch(Changes(unknown=True)) == []


def test_columns_are_left_out_on_both_pages_and_the_rows_stay_as_they_are(
    operator: Client, viewer: Client
) -> None:
    fill(2)
    back = "/events/?type=Probed&before=9"
    shown = {"column": ["position", "stream", "deliveries", "no-such"], "next": back}
    whole = text(operator, "/events/")
    assert operator.post("/events/columns/", shown).url == back
    for url in ("/events/", "/timeline/"):
        assert 'class="tbl log no-correlation no-producer"' in text(operator, url)
        assert 'class="tbl log"' in text(viewer, url)
    part = text(operator, "/events/")
    assert positions(part) == positions(whole)
    assert part.count("</td>") == whole.count("</td>"), "a live frame fits every choice"
    assert 'value="producer">' in part
    assert 'value="stream" checked>' in part
    operator.post("/events/columns/", {"column": OPTIONAL})
    assert 'class="tbl log"' in text(operator, "/events/")


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example/", "javascript:1", ""]
)
def test_choosing_columns_leads_nowhere_else(operator: Client, address: str) -> None:
    assert operator.post("/events/columns/", {"next": address}).url == "/events/"


def test_a_cookie_of_somebody_elses_making_is_harmless(operator: Client) -> None:
    operator.cookies["flowdeck-log-without"] = "stream.<b>moon"
    page = text(operator, "/events/")
    assert 'class="tbl log no-stream"' in page
    assert "moon" not in page
