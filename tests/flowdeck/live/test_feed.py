"""The feed: what a page shows is what a reload of it would show, whatever gets lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from flowdeck import publish
from flowdeck.engine import pause
from flowdeck.live import announce, feed, frame, pulse
from flowdeck.live.changes import Changes
from flowdeck.models import Delivery
from flowdeck.testing import settle
from tests.accounts import person
from tests.flowdeck.live.communicate import Tab, in_thread, tab
from tests.probe.events import Probed

pytestmark = [pytest.mark.django_db(transaction=True)]

ROW = re.compile(r'<tr id="event-(\d+)".*?</tr>', re.DOTALL)


@pytest.fixture
def no_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bell gets lost."""

    async def lost(self: Any, changes: Any) -> bool:
        return True

    monkeypatch.setattr(announce.Announcer, "_send", lost)


async def operator(name: str = "operator") -> User:
    return await in_thread(person)("operator", name)


def rows(browser: Tab) -> dict[int, str]:
    """The rows a browser shows, by position: the last html of each counts."""
    return {int(match[1]): match[0] for match in ROW.finditer(browser.html)}


def reloaded() -> dict[int, str]:
    """The rows that a reload would show."""
    from django.template.loader import render_to_string

    from flowdeck.dashboard.logs.filter import LogFilter
    from flowdeck.dashboard.logs.rows import rows_of
    from flowdeck.dashboard.logs.search import search

    html = render_to_string("flowdeck/log/_rows.html", {"rows": rows_of(search(LogFilter()).rows)})
    return {int(match[1]): match[0] for match in ROW.finditer(html)}


async def settles_as_reload(browser: Tab) -> None:
    """The browser comes to show what a reload shows."""
    wanted = await in_thread(reloaded)()
    await browser.until(lambda: all(rows(browser).get(p) == html for p, html in wanted.items()))


def burst(events: int = 30) -> None:
    for n in range(events):
        publish(Probed(n=n, echoes=1), stream=f"probe-{n % 5}")
    settle()


async def test_what_happens_shows_within_moments() -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log")
        await in_thread(burst)()
        await settles_as_reload(browser)


async def test_lost_bells_cost_a_second_not_the_truth(no_bells: None) -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log")
        await in_thread(burst)()
        await settles_as_reload(browser)


async def test_a_settled_delivery_nobody_told_of_shows(no_bells: None) -> None:
    await in_thread(publish)(Probed(n=1), stream="probe-1")
    async with tab(await operator()) as browser:
        await browser.watch("log")
        await in_thread(settle)()
        await settles_as_reload(browser)


async def test_without_a_channel_layer_pages_still_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> Any:
        raise ConnectionError("no Redis")

    monkeypatch.setattr(feed, "get_channel_layer", away)
    monkeypatch.setattr(announce, "get_channel_layer", away)
    async with tab(await operator()) as browser:
        await browser.watch("log")
        await in_thread(burst)()
        await settles_as_reload(browser)


async def test_a_view_that_fails_comes_back_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from flowdeck.dashboard.logs import live as live_log

    async with tab(await operator()) as browser:
        await browser.watch("log")
        with monkeypatch.context() as broken:
            broken.setattr(live_log, "rows_of", lambda events: 1 / 0)
            await in_thread(publish)(Probed(n=1), stream="probe-1")
            await browser.send({"ping": 1})
            await browser.until(lambda: {"pong": 1} in browser.said)
        await in_thread(publish)(Probed(n=2), stream="probe-1")
        await settles_as_reload(browser)


async def test_pages_are_told_what_they_wait_for_and_that_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone() -> Any:
        raise OperationalError("the database is away")

    async with tab(await operator()) as browser:
        await browser.watch("log")
        with monkeypatch.context() as away:
            away.setattr(pulse, "take", gone)
            await browser.until(lambda: {"waiting": "database"} in browser.said)
            async with tab(await operator("olga")) as later:
                await later.until(lambda: later.said == [{"waiting": "database"}])
        await browser.until(lambda: browser.said[-1] == {"waiting": None})
        assert len(browser.said) == 2


async def test_all_sockets_get_the_same_text_and_the_database_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queries: list[list[str]] = []
    real = frame.read

    def counted(plan: Any) -> Any:
        with CaptureQueriesContext(connection) as captured:
            done = real(plan)
        queries.append([query["sql"] for query in captured])
        return done

    def asked_of_rights() -> list[int]:
        found = [sum("auth_user_groups" in sql for sql in asked) for asked in queries]
        return [count for count in found if count]

    monkeypatch.setattr(feed, "read", counted)
    async with (
        tab(await operator("one")) as one,
        tab(await operator("two")) as two,
        tab(await operator("three")) as three,
    ):
        tabs = [one, two, three]
        for browser in tabs:
            await browser.watch("log")
        queries.clear()
        feed.current().notice(Changes(sessions=True))  # what is asked of a socket only once, too
        await in_thread(publish)(Probed(n=1), stream="probe-1")
        for browser in tabs:
            await browser.until(lambda b=browser: "probe-1" in b.html)
        assert one.frames[-1] == two.frames[-1] == three.frames[-1]
        await browser.until(lambda: bool(asked_of_rights()))
        assert max(asked_of_rights()) == 1
        assert max(map(len, queries)) <= 10, "sessions 3, pulse 1, log 5: for any number of sockets"


async def test_coming_back_brings_only_what_was_missed() -> None:
    user = await operator()
    await in_thread(burst)(3)
    async with tab(user) as staying:
        await staying.watch("log")
        await in_thread(publish)(Probed(n=1), stream="probe-before")
        await staying.until(lambda: "probe-before" in staying.html)
        seen = staying.frames[-1]["frame"]
        await in_thread(publish)(Probed(n=1), stream="probe-missed")
        await staying.until(lambda: "probe-missed" in staying.html)
        async with tab(user) as returning:
            await returning.watch("log", seen=seen)
            assert "probe-missed" in returning.html
            assert "probe-before" not in returning.html
        async with tab(user) as elsewhere:
            await elsewhere.watch("log", seen=3)
            assert "probe-before" in elsewhere.html, "frames of another process mean nothing"


async def test_a_filtered_log_gets_only_what_fits() -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log:stream=probe-1")
        await in_thread(publish)(Probed(n=1), stream="probe-2")
        await in_thread(publish)(Probed(n=2), stream="probe-1")
        await browser.until(lambda: "probe-1<" in browser.html)
        assert "probe-2<" not in browser.html


async def test_an_older_page_gets_new_dots_but_no_new_rows() -> None:
    receipt = await in_thread(publish)(Probed(n=1), stream="probe-old")
    (position,) = receipt.positions
    async with tab(await operator()) as browser:
        await browser.watch(f"log:before={position + 1}")
        await in_thread(publish)(Probed(n=2), stream="probe-new")
        await in_thread(settle)()
        await browser.until(lambda: "probe.batch: done" in rows(browser).get(position, ""))
        assert "probe-new" not in browser.html


async def test_a_trace_follows_its_steps() -> None:
    receipt = await in_thread(publish)(Probed(n=1, echoes=1), stream="probe-1")
    async with tab(await operator()) as browser:
        await browser.watch(f"trace:{receipt.correlation_id}")
        assert "Echoed" not in browser.html
        await in_thread(settle)()
        await browser.until(lambda: "Echoed" in browser.html)


async def test_pausing_a_processor_shows_without_a_bell(no_bells: None) -> None:
    async with tab(await operator()) as browser:
        await browser.watch("processors")
        await in_thread(pause.pause)("probe.batch", by="mara", reason="a look at it")
        await browser.until(lambda: "a look at it" in browser.html)


async def test_a_burst_is_few_frames() -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log")
        began = len(browser.frames)
        await in_thread(burst)(60)
        await settles_as_reload(browser)
        seconds = _seconds(browser.frames[began:])
        assert len(browser.frames) - began <= 10 * seconds + 2


async def test_the_state_of_a_dead_letter_shows() -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log")
        await in_thread(publish)(Probed(n=1, rejects="probe.batch"), stream="probe-1")
        await in_thread(settle)()
        assert await in_thread(Delivery.objects.filter(state="dead").count)() == 1
        await browser.until(lambda: "probe.batch: dead" in browser.html)


def _seconds(frames: list[dict[str, Any]]) -> float:
    from datetime import datetime

    times = [datetime.fromisoformat(frame["at"]) for frame in frames]
    return (times[-1] - times[0]).total_seconds() if times else 0.0
