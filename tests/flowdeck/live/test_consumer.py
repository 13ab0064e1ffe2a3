"""The websocket's protocol, its limits, and who may watch what."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.auth.models import User

from flowdeck import publish
from flowdeck.live import consumers
from flowdeck.live.socket import SIGNED_OUT
from tests.accounts import person
from tests.flowdeck.live.communicate import in_thread, session_of, tab
from tests.probe.events import Probed

pytestmark = [pytest.mark.django_db(transaction=True)]


async def operator() -> User:
    return await in_thread(person)("operator")


async def test_nobody_signed_in_is_told_and_closed() -> None:
    async with tab() as anonymous:
        await anonymous.until(lambda: anonymous.closed is not None)
        assert anonymous.said == [{"signed_out": True}]
        assert anonymous.closed == SIGNED_OUT


async def test_a_ping_is_answered_with_its_time() -> None:
    async with tab(await operator()) as browser:
        await browser.send({"ping": 1234.5})
        await browser.until(lambda: browser.said == [{"pong": 1234.5}])


async def test_watching_brings_the_whole_region_first() -> None:
    await in_thread(publish)(Probed(n=1), stream="probe-1")
    async with tab(await operator()) as browser:
        await browser.watch("log")
        frame = browser.frames[0]
        assert frame["views"] == ["log"]
        assert "probe-1" in frame["html"]
        assert isinstance(frame["frame"], int)
        assert frame["at"].endswith("+00:00")


@pytest.mark.parametrize("name", ["log", "processors", "traces", "rate", "trace:x", "nonsense"])
async def test_what_is_not_granted_is_refused_with_a_reason(name: str) -> None:
    customer = await in_thread(person)("customer")
    async with tab(customer) as browser:
        await browser.watch(name)
        (refused,) = browser.said[0]["refused"]
        assert refused["view"] == name
        assert refused["reason"]
        assert browser.frames == []


async def test_a_customer_may_watch_only_the_traces_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    customer = await in_thread(person)("customer")
    mine = await in_thread(publish)(Probed(n=1), stream="probe-1")
    other = await in_thread(publish)(Probed(n=2), stream="probe-2")
    owned = {mine.correlation_id}
    monkeypatch.setattr("flowdeck.people.access._owners", [lambda user, trace: trace in owned])
    async with tab(customer) as browser:
        await browser.watch(f"trace:{other.correlation_id}")
        assert browser.said[0]["refused"][0]["reason"] == "This trace is not yours."
        await browser.watch(f"trace:{mine.correlation_id}")
        assert "probe-1" in browser.html
        assert "probe-2" not in browser.html


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "3",
        '"subscribe"',
        "[" * 5000,
        '{"subscribe": 3}',
        '{"subscribe": {"a": 1}}',
        '{"subscribe": [null, 1, {}]}',
        '{"unsubscribe": null}',
        '{"ping": "x"}',
        '{"ping": true}',
        '{"ping": 1e999}',
        '{"ping": NaN}',
        '{"subscribe": ["trace:\\u0000"]}',
        '{"subscribe": ["log:before=x"], "seen": "y"}',
        '{"subscribe": ["log"], "seen": 1e400}',
    ],
)
async def test_a_malformed_message_harms_nothing(text: str) -> None:
    async with tab(await operator()) as browser:
        await browser.send(text)
        await browser.send({"ping": 7})
        await browser.until(lambda: {"pong": 7} in browser.said)
        assert browser.closed is None


async def test_a_huge_message_closes() -> None:
    async with tab(await operator()) as browser:
        await browser.send({"subscribe": ["x" * 20_000]})
        await browser.until(lambda: browser.closed == consumers.TOO_BIG)


async def test_too_many_messages_close() -> None:
    async with tab(await operator()) as browser:
        for number in range(60):
            await browser.send({"ping": number})
        await browser.until(lambda: browser.closed == consumers.TOO_MANY)


async def test_subscriptions_are_limited() -> None:
    async with tab(await operator()) as browser:
        names = [f"log:stream=probe-{n}" for n in range(30)]
        await browser.send({"subscribe": names})
        await browser.until(lambda: bool(browser.said))
        refused = browser.said[0]["refused"]
        assert len(refused) == 14
        assert "At most 16" in refused[0]["reason"]


async def test_the_end_of_the_session_closes_the_socket() -> None:
    user = await operator()
    session = await in_thread(session_of)(user)
    async with tab(session=session) as browser:
        await browser.watch("log")
        await in_thread(sign_out)(session)
        await browser.until(lambda: browser.closed == SIGNED_OUT)
        assert {"signed_out": True} in browser.said


async def test_a_role_taken_away_ends_the_view_with_a_reason() -> None:
    user = await operator()
    async with tab(user) as browser:
        await browser.watch("log")
        await in_thread(user.groups.clear)()
        await browser.until(lambda: bool(browser.said))
        assert browser.said[0]["refused"][0]["view"] == "log"
        seen = len(browser.frames)
        await in_thread(publish)(Probed(n=1), stream="probe-after")
        await browser.send({"ping": 1})
        await browser.until(lambda: {"pong": 1} in browser.said)
        with pytest.raises(TimeoutError):
            await browser.until(lambda: len(browser.frames) > seen, within=1.5)


async def test_unsubscribing_ends_the_view() -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log", "processors")
        await browser.until(lambda: {v for f in browser.frames for v in f["views"]} >= {"log"})
        await browser.send({"unsubscribe": ["log", "log"]})
        await browser.send({"ping": 1})
        await browser.until(lambda: {"pong": 1} in browser.said)
        before = len(browser.frames)
        await in_thread(publish)(Probed(n=1), stream="probe-1")
        await browser.until(lambda: len(browser.frames) > before)
        assert all("log" not in frame["views"] for frame in browser.frames[before:])


async def test_closing_ends_the_feed() -> None:
    async with tab(await operator()) as browser:
        await browser.watch("log")
    async with asyncio.timeout(5):
        while any(task.get_name().startswith("live-feed") for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)


def sign_out(session: str) -> None:
    from django.test import Client

    client = Client()
    client.cookies["sessionid"] = session
    client.post("/accounts/logout/")
