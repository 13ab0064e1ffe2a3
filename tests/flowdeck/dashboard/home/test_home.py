"""The first page: what it says equals the tables, and what stands still is seen to stand still."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from flowdeck import clock, publish
from flowdeck.dashboard.home.live import OverviewView
from flowdeck.dashboard.home.parts import PARTS
from flowdeck.dashboard.shared.standing import drained
from flowdeck.engine import pause
from flowdeck.history import fold, gauges, retention
from flowdeck.history.gauges import Reading
from flowdeck.live.views import find
from flowdeck.models import AlertRule, Gauge, Release, Worker
from flowdeck.observe import current, rates
from flowdeck.observe import gauges as readings
from flowdeck.observe import overview as overview_module
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)
ROW = re.compile(r'<tr id="home-processor-([\w.]+)">(.*?)</tr>', re.DOTALL)
WAITS = "FROM flowdeck_due WHERE state IN ('pending', 'retrying')"


def shown(client: Client) -> str:
    answer = client.get("/")
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def rows(page: str) -> dict[str, list[str]]:
    """The cells of each processor with a row of its own, without their marks."""
    return {
        name: [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", html, re.DOTALL)]
        for name, html in ROW.findall(page)
    }


def one(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the page look at the same rows some time later."""
    ahead = SimpleNamespace(now=lambda: clock.now() + timedelta(seconds=seconds))
    for module in (overview_module, current, rates):
        monkeypatch.setattr(module, "clock", ahead)


def test_calm_when_calm(viewer: Client) -> None:
    publish(Probed(n=1), stream="probe-1")
    settle()
    page = shown(viewer)
    assert "All is well." in page
    assert "Nothing waits, no letter is dead and nothing is paused." in page
    assert '<ol class="needs">' not in page
    assert rows(page) == {}, "all are up to date"


def test_one_paused_one_failing_one_fine_and_every_figure_is_that_of_the_tables(
    operator: Client,
) -> None:
    pause.pause("probe.leased", by="lena", reason="stock count")
    publish(*[Probed(n=n, fails=9, by="probe.atomic") for n in range(3)], stream="bad-1")
    publish(*[Probed(n=n) for n in range(20)], stream="probe-1")
    settle()
    page = shown(operator)
    told = rows(page)
    assert f"<dt>Waiting</dt><dd>{one(f'SELECT count(*) {WAITS}')}</dd>" in page
    paused = one(f"SELECT count(*) {WAITS} AND processor = 'probe.leased'")
    assert told["probe.leased"][1] == "paused"
    assert told["probe.leased"][3:] == [str(paused), told["probe.leased"][4], "paused"]
    failed = one("SELECT sum(failed + rejected) FROM flowdeck_handled WHERE grain = 0")
    tried = failed + one("SELECT sum(done) FROM flowdeck_handled WHERE grain = 0")
    assert f"{failed} of {tried} in 10 min" in page
    assert f"{100 * failed / tried:.1f} %" in page
    share = one(
        "SELECT 100 * sum(failed + rejected) / sum(done + failed + rejected) "
        "FROM flowdeck_handled WHERE grain = 0 AND processor = 'probe.atomic'"
    )
    assert told["probe.atomic"][1] == f"failing {float(share):.0f} %"
    assert "probe.batch" not in told, "it is fine"
    dead = one("SELECT count(*) FROM flowdeck_due WHERE state = 'dead'")
    assert f"{dead} letter is dead" in page
    assert "1 letter, 1 key held" in page
    assert "probe.leased is paused by lena" in page
    assert "Three things need a person." in page
    assert page.index("probe.atomic fails") < page.index("is new") < page.index("is paused by")
    assert 'title="probe.leased: paused"' in page
    assert "lena</b>: pause processor probe.leased" in page, "what people did"


def test_what_stands_still_is_told_from_what_is_busy(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1), stream="probe-1")
    fold.fold_all()
    assert rows(shown(operator))["probe.batch"][1] == "working"
    later(monkeypatch, 90)
    page = shown(operator)
    assert rows(page)["probe.batch"][1] == "stands still"
    assert "Nobody works" in page, "no worker is alive: said once, not for each processor"
    assert "probe.batch stands still" not in page
    now = clock.now() + timedelta(seconds=90)
    Worker.objects.create(name="host:1", started_at=now, seen_at=now)
    assert "probe.batch stands still" in shown(operator), "somebody is there and does nothing"


def test_what_waits_behind_a_dead_letter_does_not_stand_still(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1, rejects="probe.batch"), Probed(n=2), stream="probe-1")
    settle()
    later(monkeypatch, 900)
    assert rows(shown(operator))["probe.batch"][1:4:2] == ["1 dead", "1"], "it waits"
    assert "stands still" not in shown(operator)


def test_figures_that_are_not_known_are_dashes(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(Probed(n=1), stream="probe-1")
    later(monkeypatch, 120)
    page = shown(operator)
    assert "<dt>Events</dt><dd>–</dd>" in page, "nobody has folded what was told"
    assert "trend not known yet" in page
    assert rows(page)["probe.batch"][5] == "–"


@pytest.mark.parametrize(
    ("waiting", "seconds", "growth", "said"),
    [
        (0, 0, None, "now"),
        (9, 2, 5.0, "now"),
        (9, 60, None, "–"),
        (9, 60, 0.5, "grows"),
        (9, 60, 0.0, "not at this rate"),
        (600, 60, -2.0, "in 5 min"),
    ],
)
def test_when_it_is_done_follows_from_how_it_shrinks(
    waiting: int, seconds: int, growth: float | None, said: str
) -> None:
    now = datetime.now(UTC)
    assert drained(waiting, now - timedelta(seconds=seconds), growth, now) == said


def test_alerts_and_releases_are_told(operator: Client) -> None:
    now = clock.now()
    AlertRule.objects.create(name="too many", kind="dead", firing_since=now, value=4, about="x")
    AlertRule.objects.create(
        name="quiet one", kind="dead", firing_since=now, muted_until=now + timedelta(hours=1)
    )
    Release.objects.create(name="a41f9c2", first_seen_at=now - timedelta(minutes=9), note="faster")
    page = shown(operator)
    assert "One thing needs a person." in page
    assert "Alert: too many" in page
    assert "Alert: quiet one" not in page, "nobody is told of it"
    assert "release a41f9c2" in page
    assert "Release a41f9c2: faster" in page, "a flag on the charts"


def test_who_may_see_what(viewer: Client, customer: Client) -> None:
    pause.pause("probe.batch", by="lena", reason="stock count")
    page = shown(viewer)
    assert "probe.batch is paused by lena" in page
    assert "pause processor probe.batch" not in page
    assert "shown to whoever may see the audit" in page
    assert customer.get("/").status_code == 302, "to what is open to them"
    may, people = OverviewView.allowed, User.objects.in_bulk(field_name="username")
    assert may(people["viewer"], "alerts,letters") is None
    assert may(people["viewer"], "alerts,audit") is not None
    assert may(people["customer"], "") is not None
    assert find("overview:letters,alerts") == find("overview:alerts,letters")
    assert find("overview:nonsense") is None
    assert OverviewView(None, ",".join(PARTS)).regions()


def test_it_asks_as_often_for_much_as_for_little(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    publish(*[Probed(n=n, rejects="probe.batch") for n in range(9)], stream="probe-1")
    settle()
    with django_assert_max_num_queries(56):  # shell 9
        operator.get("/")


# Gauges -------------------------------------------------------------------------


def test_gauges_keep_the_most_of_each_stretch_and_what_nobody_read_is_not_known() -> None:
    now = datetime(2026, 11, 30, 10, 41, 7, tzinfo=UTC)
    gauges.note(now, {"a": Reading(5, 1, 0, 2.5), "b": gauges.NOTHING})
    gauges.note(now + timedelta(seconds=10), {"a": Reading(3, 0, 2, 9.0)})
    assert not gauges.is_due(now)
    assert gauges.is_due(now + timedelta(seconds=30))
    minute = readings.between(now, now, 60)
    assert minute.newest("a") == Reading(5, 1, 2, 9.0)
    assert minute.newest("b") == gauges.NOTHING, "it was looked at"
    assert minute.of("a", minute.at[0] - 60) is None
    tens = readings.between(now, now + timedelta(minutes=1), 10)
    assert [tens.of("a", at) for at in tens.at] == [Reading(5, 1, 0, 2.5), Reading(3, 0, 2, 9.0)]
    assert tens.per_second("a") is None, "two readings within ten seconds are no trend"
    gauges.note(now + timedelta(seconds=40), {"a": Reading(65)})
    tens = readings.between(now, now + timedelta(minutes=1), 10)
    assert tens.per_second("a") == pytest.approx(60 / 40)
    retention.remove_old(now + timedelta(days=20))
    assert set(Gauge.objects.values_list("grain", flat=True)) == {3600}


def test_what_is_counted_for_pages_is_kept_as_gauges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current, "COUNTED", 3)
    publish(*[Probed(n=n) for n in range(9)], stream="probe-1")
    current.keep()
    found = readings.lately(clock.now()).newest("probe.batch")
    assert found is not None
    assert found.waiting == 9, "pages stop counting, gauges go on"
