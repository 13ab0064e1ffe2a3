"""The event rate above every page, and the counts that come with it."""

from __future__ import annotations

from typing import Any

import pytest

from flowdeck import publish
from flowdeck.dashboard.processors.live import RateView
from flowdeck.dashboard.shell.entries import under_way
from flowdeck.testing import settle
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


def html(view: RateView) -> str:
    return "".join(fragment.html for fragment in view.regions())


def test_the_line_knows_the_minute_before_somebody_watched() -> None:
    for n in range(30):
        publish(Probed(n=n), stream=f"probe-{n}")
    shown = html(RateView(None, ""))
    points = shown.partition('class="l" points="')[2].partition('"')[0].split()
    assert len(points) == 60
    assert len({point.split(",")[1] for point in points}) > 1  # it is not flat
    assert "–" not in shown


def test_the_counts_follow_what_is_under_way_and_dead() -> None:
    assert under_way() is None
    publish(Probed(n=1, rejects="probe.batch"), stream="probe-1")
    publish(Probed(n=2), stream="probe-2")
    assert "2 live" in html(RateView(None, ""))
    settle()
    shown = html(RateView(None, ""))
    assert "live</span>" not in shown
    assert 'class="count alert" id="count-flowdeck-dead_letters"' in shown


def test_beats_cost_the_same_however_much_there_is(django_assert_num_queries: Any) -> None:
    view = RateView(None, "")
    view.regions()
    for n in range(20):
        publish(Probed(n=n), stream=f"probe-{n}")
    view = RateView(None, "")
    with django_assert_num_queries(6):  # position and the minute before, four for three figures
        view.regions()
