"""The page of one processor: what waits and why, its history, errors, lanes and switches."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from flowdeck import clock, publish
from flowdeck.dashboard.processors.live import ProcessorView
from flowdeck.dashboard.processors.one import ProcessorPage, _grounds
from flowdeck.dashboard.shared.plots import Span, curve
from flowdeck.engine import pause
from flowdeck.live.views import find
from flowdeck.models import Release
from flowdeck.testing import settle
from tests.accounts import person
from tests.polling import eventually
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def shown(client: Client, name: str = "probe.batch", query: str = "") -> str:
    answer = client.get(f"/processors/{name}/{query}")
    assert answer.status_code == 200
    return re.sub(r"<[^>]+>", "", unescape(answer.content.decode()).split("<main")[1])


def one(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def test_what_waits_and_why(operator: Client) -> None:
    publish(Probed(n=1, rejects="probe.batch"), Probed(n=2), stream="probe-1")
    settle()
    publish(*[Probed(n=n) for n in range(5)], stream="probe-2")
    page = shown(operator)
    assert "1 waits behind a dead letter of their key" in page
    assert re.search(r"5\s*wait for a free lane: 0 of \d+ are held", page)
    waiting = one(
        "SELECT count(*) FROM flowdeck_due "
        "WHERE processor = 'probe.batch' AND state IN ('pending', 'retrying')"
    )
    assert waiting == sum(lane.waiting for lane in ProcessorPage("probe.batch").lanes) == 6
    pause.pause("probe.batch", by="lena", reason="stock count")
    assert "6 wait until somebody resumes it: paused by lena, stock count" in shown(operator)


def test_nothing_waits_and_nothing_is_known(operator: Client) -> None:
    page = shown(operator)
    assert "Nothing waits for it." in page
    assert "None among the newest 500 failed attempts." in page
    assert "No release was seen yet." in page
    assert "Nobody has switched it." in page
    assert "Wait, p99–" in page.replace("\n", "")


def test_its_figures_are_those_of_the_tables(operator: Client) -> None:
    publish(*[Probed(n=n, fails=1, by="probe.batch") for n in range(4)], stream="probe-1")
    settle()
    page = ProcessorPage("probe.batch")
    done, failed = (
        one(
            f"SELECT sum({column}) FROM flowdeck_handled WHERE grain = 0 AND processor = %s",
            "probe.batch",
        )
        for column in ("done", "failed + rejected")
    )
    assert (page.times.attempts, page.times.failures) == (done + failed, failed)
    assert page.errors[0][1] == one(
        "SELECT count(*) FROM flowdeck_attempt WHERE processor = 'probe.batch'"
    )
    assert "ProbeError" in shown(operator)
    assert "Echoed" not in shown(operator), "it said nothing so far"


def test_releases_and_switches_stand_on_its_charts(operator: Client, viewer: Client) -> None:
    now = clock.now()
    Release.objects.create(name="a41f9c2", first_seen_at=now - timedelta(minutes=9), note="faster")
    pause.pause("probe.batch", by="lena", reason="stock count")

    def page_with_grounds() -> str:
        found = operator.get("/processors/probe.batch/").content.decode()
        return found if found.count('class="parkb"') == 5 else ""  # on each chart

    page = eventually(page_with_grounds)  # a pause of no length has no ground
    assert "Release a41f9c2: faster" in page
    assert "<b>lena</b> pause" in page
    assert "stock count" in page
    seen = viewer.get("/processors/probe.batch/").content.decode()
    assert "To see the audit you need" in seen
    assert "<b>lena</b> pause" not in seen
    assert "To pause and resume processors you need" in seen


def test_a_pause_lasts_until_it_is_ended() -> None:
    end = datetime(2026, 11, 30, 12, tzinfo=UTC)
    span = Span(end - timedelta(minutes=100), end, 10)

    def at(minute: int) -> datetime:
        return span.since + timedelta(minutes=minute)

    switches = [(at(-20), "pause"), (at(10), "resume"), (at(40), "pause"), (at(50), "resume")]
    assert list(_grounds(span, switches)) == [(0.0, 10.0), (40.0, 10.0)]
    assert list(_grounds(span, [*switches, (at(90), "pause")])) == [
        (0.0, 10.0),
        (40.0, 10.0),
        (90.0, 10.0),
    ]
    assert list(_grounds(span, [(at(-20), "pause"), (at(-10), "resume")])) == []


def test_a_line_has_gaps_where_nothing_is_known() -> None:
    drawn = curve([1.0, None, 2.0], 56)
    assert drawn.line.count("M") == 2
    assert drawn.top == 2.0
    assert curve([None, None], 56).line == ""
    assert curve([], 56).area == ""


def test_who_may_see_it(customer: Client, operator: Client) -> None:
    assert customer.get("/processors/probe.batch/").status_code == 403
    assert operator.get("/processors/nonsense/").status_code == 404
    viewer = person("viewer")
    assert ProcessorView.allowed(viewer, "probe.batch:24h") is None
    assert ProcessorView.allowed(viewer, "nonsense:24h") is not None
    assert find("processor:probe.batch:2y") is None
    assert len(ProcessorView(None, "probe.batch:1h").regions()) == 5


def test_its_name_leads_to_it(operator: Client) -> None:
    publish(Probed(n=1, rejects="probe.batch"), stream="probe-1")
    settle()
    for page in ("/", "/processors/", "/timeline/?lanes=all", "/dead-letters/"):
        assert 'href="/processors/probe.batch/"' in operator.get(page).content.decode(), page


def test_it_asks_as_often_for_much_as_for_little(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    publish(*[Probed(n=n, rejects="probe.batch") for n in range(9)], stream="probe-1")
    settle()
    with django_assert_max_num_queries(50):
        operator.get("/processors/probe.batch/")
