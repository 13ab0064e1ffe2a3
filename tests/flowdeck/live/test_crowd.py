"""What one person may take of the feed that is everybody's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import override_settings

from flowdeck import live
from flowdeck.live import Fragment, LiveView, Refusal, consumers, feed, views
from tests.accounts import person
from tests.flowdeck.live.communicate import in_thread, tab

pytestmark = [pytest.mark.django_db(transaction=True)]


async def operator(name: str = "") -> User:
    return await in_thread(person)("operator", name)


@pytest.mark.parametrize(
    "odd",
    ["orders:0x1", "processors:?", "rate:now", "outbox:x", "alerts:1", "stock:mug"],
)
async def test_a_view_without_argument_takes_none(odd: str) -> None:
    async with tab(await operator()) as browser:
        await browser.watch(odd)
        assert browser.said[0]["refused"][0]["view"] == odd
        assert not feed.current()._channels


@pytest.mark.parametrize(
    "spellings",
    [
        ("log", "log:", "log:x=1"),
        ("log:type=A&stream=b", "log:stream=b&type=A", "log:stream=b&type=A&stream=b&z="),
        ("timeline", "timeline:window=15", "timeline:window=015", "timeline:lanes=x"),
        ("event:7", "event:007"),
        ("letters:1,2", "letters:2,1,2", "letters:01,02,x"),
        ("dead-letters", "dead-letters:by=error", "dead-letters:by=nonsense"),
        ("flow", "flow:?", "flow:?models=0"),
        ("flow-node:processor:x", "flow-node:60:processor:x"),
        ("replay:1", "replay:01"),
    ],
)
async def test_what_means_the_same_is_one_channel(spellings: tuple[str, ...]) -> None:
    async with tab(await operator()) as browser:
        for spelling in spellings:
            await browser.send({"subscribe": [spelling]})
        await browser.send({"ping": 1})
        await browser.until(lambda: {"pong": 1} in browser.said)
        assert browser.said == [{"pong": 1}]
        assert len(feed.current()._channels) == 1
        await browser.send({"unsubscribe": [spellings[-1]]})
        await browser.send({"ping": 2})
        await browser.until(lambda: {"pong": 2} in browser.said)
        assert not feed.current()._channels


async def test_the_views_of_one_person_are_limited_on_all_their_sockets() -> None:
    with override_settings(FLOWDECK={"LIVE_VIEWS_PER_USER": 3}):
        user = await operator()
        async with tab(user) as one, tab(user) as two, tab(await operator("olga")) as other:
            await one.watch("log", "traces")
            await two.send({"subscribe": ["log", "rate", "log:type=A"]})
            await two.until(lambda: bool(two.said))
            [refused] = two.said[0]["refused"]
            assert refused["view"] == "log:type=A"
            assert "At most 3 views" in refused["reason"]
            await other.watch("log:type=A")
            assert other.said == []


async def test_the_sockets_of_one_person_are_limited() -> None:
    with override_settings(FLOWDECK={"LIVE_SOCKETS_PER_USER": 1}):
        user = await operator()
        async with tab(user) as first, tab(user) as second, tab(await operator("olga")) as other:
            await second.until(lambda: second.closed == consumers.TOO_MANY)
            assert "At most 1 live pages" in second.said[0]["error"]
            await first.watch("log")
            await other.watch("log")
        async with tab(user) as third:  # they have left
            await third.watch("log")


class Slow(LiveView):
    """Takes its time whenever it is rendered, and is rendered always."""

    beats = True
    rendered = 0
    pause = threading.Event()

    @classmethod
    def canonical(cls, argument: str) -> str | None:
        return argument

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        return None

    def regions(self) -> list[Fragment]:
        Slow.rendered += 1
        self.pause.wait(0.15)
        return [Fragment(self.argument, f"<p id='{self.argument}'>{Slow.rendered}</p>")]


async def test_who_watches_much_is_rendered_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_views", dict(views._views))
    live.register("slow", Slow)
    async with tab(await operator("greedy")) as greedy, tab(await operator("olga")) as other:
        await greedy.watch(*(f"slow:{number}" for number in range(16)))
        await other.until(lambda: True)
        for _ in range(5):
            before = Slow.rendered
            await other.watch("rate")
            assert Slow.rendered - before <= 6  # of 16: two frames at most
            await other.send({"unsubscribe": ["rate"]})
        await greedy.until(
            lambda: (
                {name for frame in greedy.frames for name in frame["views"]}
                == {f"slow:{number}" for number in range(16)}
            )
        )


class Held(LiveView):
    """Is rendered once the test lets it, and again every second."""

    beats = True
    begun = threading.Event()
    let = threading.Event()
    times = 0

    @classmethod
    def allowed(cls, user: Any, argument: str) -> Refusal | None:
        return None

    def regions(self) -> list[Fragment]:
        Held.begun.set()
        assert Held.let.wait(60)
        Held.times += 1
        return [Fragment("held", f"<p id='held'>{Held.times}</p>")]


async def test_who_leaves_takes_no_view_of_others_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_views", dict(views._views))
    live.register("held", Held)
    async with tab(await operator("olga")) as one, tab(await operator("greedy")) as other:
        await other.watch("rate")
        await one.send({"subscribe": ["held"]})
        await asyncio.to_thread(Held.begun.wait, 60)
        await other.send({"unsubscribe": ["rate"]})
        await other.send({"ping": 1})
        await other.until(lambda: {"pong": 1} in other.said)
        Held.let.set()
        await one.until(lambda: len(one.frames) > 1)  # the first, and what comes later
