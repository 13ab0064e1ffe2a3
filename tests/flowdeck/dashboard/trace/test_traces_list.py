"""The list of traces: filters, orders and pages by the rows that the engine keeps."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from flowdeck import publish
from flowdeck.dashboard.trace.glance import _parts
from flowdeck.letters import dead_letters
from flowdeck.live.views import find
from flowdeck.models import Delivery, Trace
from flowdeck.observe.budget import Budget
from flowdeck.testing import settle
from tests.probe.events import Keyed, Probed

pytestmark = pytest.mark.django_db(transaction=True)


def shown(client: Client, query: str = "") -> list[str]:
    """The titles of the rows, in order."""
    return re.findall(r'<a class="strong" href="[^"]+">([^<]+)</a>', page(client, query))


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/traces/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def traces() -> None:
    """One that is done, one with retries, one with a dead letter, one of another type; one is
    under way."""
    publish(Probed(n=1, echoes=1), stream="probe-done")
    publish(Probed(n=2, fails=1, by="probe.atomic"), stream="probe-retried")
    publish(Probed(n=3, rejects="probe.batch"), stream="probe-dead")
    publish(Keyed(owner="a"), stream="probe-keyed")
    settle()
    publish(Probed(n=4), stream="probe-open")
    from flowdeck.history import fold

    fold.fold_all()


@pytest.mark.usefixtures("traces")
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["open", "keyed", "dead", "retried", "done"]),
        ("?outcome=done", ["keyed", "retried", "done"]),
        ("?outcome=dead", ["dead"]),
        ("?outcome=running", ["open"]),
        ("?outcome=no", []),
        ("?outcome=retrying", []),
        ("?began=Keyed", ["keyed"]),
        ("?stream=probe-dead", ["dead"]),
        ("?stream=probe-dead&outcome=done", []),
        ("?retried=yes", ["retried"]),
        ("?type=Keyed", ["keyed"]),
        ("?type=Nothing", []),
        ("?type=Echoed", ["done"]),
        ("?under=86400000", ["keyed", "dead", "retried", "done"]),
        ("?sort=retries", ["retried"]),
        ("?over=86400000", []),
        ("?since=1h&until=1min", []),
        ("?since=1h", ["open", "keyed", "dead", "retried", "done"]),
    ],
)
def test_conditions_choose_traces(operator: Client, query: str, wanted: list[str]) -> None:
    assert shown(operator, query) == [f"probe-{name}" for name in wanted]


@pytest.mark.usefixtures("traces")
def test_the_slowest_come_first(operator: Client) -> None:
    by_time = Trace.objects.filter(seconds__isnull=False).order_by("-seconds")
    assert shown(operator, "?sort=slowest") == [trace.stream for trace in by_time]
    assert len(by_time) == 4


@pytest.mark.usefixtures("traces")
def test_what_a_person_decides_changes_what_became_of_a_trace(operator: Client) -> None:
    letter = Delivery.objects.get(state="dead")
    dead_letters.discard([letter.letter], by="tester", reason="test")
    settle()
    assert shown(operator, "?outcome=dead") == []
    assert "probe-dead" in shown(operator, "?outcome=done")


def test_pages_of_what_was_chosen(operator: Client) -> None:
    for n in range(45):
        publish(Probed(n=n), stream=f"probe-{n}")
    settle()
    for query in ("?outcome=done", "?sort=slowest"):
        first = shown(operator, query)
        following = re.search(r'rel="next" href="/traces/([^"]+)"', page(operator, query))
        assert following is not None
        second = shown(operator, following[1].replace("&amp;", "&"))
        assert len({*first, *second}) == 45
        assert (len(first), len(second)) == (40, 5)


@pytest.mark.parametrize(
    "query", ["?outcome=sad", "?over=x", "?sort=luck", "?since=when", "?stream=%00", "?skip=99999"]
)
def test_what_makes_no_sense_is_said(operator: Client, query: str) -> None:
    assert ("ferr" in page(operator, query)) == (query != "?stream=%00")


@pytest.mark.usefixtures("traces")
def test_bars_are_the_durations_of_all_that_fit_and_lead_to_their_traces(
    operator: Client,
) -> None:
    told = Trace.objects.filter(seconds__isnull=False)
    assert "4 traces that ended" in page(operator)
    bars = re.findall(r'href="/traces/\?([^"]+)" aria-label="(\d+) traces? of', page(operator))
    assert sum(int(number) for _, number in bars) == told.count()
    for query, number in bars:
        asked = unescape(query)
        chosen = shown(operator, f"?{asked}")
        limits = dict(pair.split("=") for pair in asked.split("&"))
        low, high = float(limits["over"]) / 1000, float(limits["under"]) / 1000
        fit = told.filter(seconds__gte=low, seconds__lt=high)
        assert len(chosen) == fit.count() == int(number)
    assert re.findall(r'class="d-(\w+)"', page(operator, "?outcome=dead")) == ["dead"]
    assert "durs" not in page(operator, "?began=Nothing"), "no trace that fits has ended"
    asked = unescape(bars[0][0])
    assert "4 traces that ended" in page(operator, f"?{asked}"), "what is brushed stays in sight"


@pytest.mark.usefixtures("traces")
def test_where_the_time_went_and_the_shape_are_in_each_row(operator: Client) -> None:
    html = page(operator)
    done = next(one for one in html.split("<tr ") if "probe-done" in one)
    assert re.search(r'aria-label="\d+ events: Probed, Echoed', done)
    assert re.search(r"<title>queue [^<]+, work [^<]+</title>", done)
    assert {"b-wait", "b-done"} <= set(re.findall(r'rect class="([\w-]+)"', done))
    open_ = next(one for one in html.split("<tr ") if "probe-open" in one)
    assert "<rect" not in open_, "it would be another one at each look"
    parts = _parts(Budget(queue=1, working=2, failed=3, retry_wait=9), scale=10)
    assert [(one.kind, one.x, one.width) for one in parts] == [
        ("queue", 0, 10),
        ("fail", 10, 30),
        ("gap", 40, 60),
    ], "what is longer than the scale is cut off"


@pytest.mark.usefixtures("traces")
def test_what_is_filtered_is_live_too(operator: Client) -> None:
    assert 'data-live-view="traces"' in page(operator)
    assert 'data-live-view="traces:outcome=dead"' in page(operator, "?outcome=dead")
    assert "data-live-view" not in page(operator, "?sort=slowest").split("<main")[1]
    name = find("traces:sort=newest&outcome=dead")
    assert name is not None
    (rows,) = name.view(None, name.argument).regions()
    assert "probe-dead" in rows.html
    assert "probe-done" not in rows.html
    assert find("traces:sort=slowest") is None
    assert find("traces:outcome=sad") is None


def test_nothing_fits(operator: Client) -> None:
    assert "No trace fits" in page(operator, "?outcome=dead")


@pytest.mark.usefixtures("traces")
def test_the_number_of_queries_is_constant(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(20):
        page(operator, "?stream=probe-done&outcome=retrying&since=1h&until=1min&retried=yes")
