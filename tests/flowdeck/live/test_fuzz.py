"""Whatever a browser sends over its socket: it is answered or closed, and nobody else notices."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowdeck import publish
from flowdeck.live import consumers, feed
from tests.accounts import person
from tests.flowdeck.live.communicate import in_thread, tab
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)

MESSAGES = 300
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
_names = st.sampled_from(
    [
        "log",
        "traces",
        "trace:",
        "trace:x",
        "trace:\x00",
        "log:",
        "log:data.a=\x00",
        "log:before=-1",
        "log:since=99999-99-99",
        "timeline:window=x",
        "timeline:\ud800",
        "processors:a",
        "flow-node:x",
        "flow-node:type:\x00",
        "experiment:",
        "orders:9",
        "stock:",
        "dead-letters:by=x",
        "dead-letters:\x00",
        "replay:x",
        "nonsense",
        "log:" + "&" * 900,
        ":",
        "",
        "LOG",
        "log:" + "stream=%00" * 20,
    ]
) | st.text(max_size=60)
_asked = st.fixed_dictionaries(
    {},
    optional={
        "subscribe": st.lists(_names, max_size=6) | _names | _json,
        "unsubscribe": st.lists(_names, max_size=6) | _json,
        "ping": _json,
        "seen": _json,
    },
)
_messages = (
    _asked.map(json.dumps) | _json.map(json.dumps) | st.text(max_size=80) | st.binary(max_size=80)
)


def messages() -> list[str | bytes]:
    """Messages of all kinds, the same in every run."""
    found: list[str | bytes] = []

    @settings(
        max_examples=MESSAGES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(_messages)
    def collect(message: str | bytes) -> None:
        found.append(message)

    collect()
    return found


async def test_malformed_messages_harm_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "_BURST", 10**6)  # the flood has a test of its own
    sent = messages()
    assert len(sent) >= MESSAGES
    operator = await in_thread(person)("operator")
    async with tab(await in_thread(person)("viewer")) as bystander:
        await bystander.watch("log")
        async with tab(operator) as fuzzing:
            for number, message in enumerate(sent):
                await fuzzing.send_raw(message)
                if number % 25 == 0:
                    await answered(fuzzing, number)
            await answered(fuzzing, -1)
            assert fuzzing.closed is None
            assert all(len(names) <= 16 for names in feed.current()._watched.values())
            assert len(feed.current()._channels) <= 17
        await in_thread(publish)(Probed(n=1), stream="probe-after-all")
        await bystander.until(lambda: "probe-after-all" in bystander.html)
    assert feed.current()._watched == {}
    assert feed.current()._channels == {}


async def test_a_message_that_is_too_large_closes_its_own_socket_only() -> None:
    operator = await in_thread(person)("operator")
    async with tab(operator) as bystander, tab(operator) as fuzzing:
        await bystander.watch("log")
        for huge in ("x" * 20_000, b"\x00" * 20_000):
            await fuzzing.send_raw(huge)
        await fuzzing.until(lambda: fuzzing.closed == consumers.TOO_BIG)
        await bystander.send({"ping": 1})
        await bystander.until(lambda: {"pong": 1} in bystander.said)


async def answered(browser: Any, number: int) -> None:
    token = time.monotonic()
    await browser.send({"ping": token})
    await browser.until(lambda: {"pong": token} in browser.said)
