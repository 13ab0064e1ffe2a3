"""Announcing costs the hot path nothing and never raises, whatever Redis does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from flowdeck.live import announce
from flowdeck.live.announce import Announcer
from flowdeck.telemetry import Appended, AppendedEvent, Settled, SettledDelivery
from tests.polling import eventually

NOW = datetime(2026, 11, 25, 10, 42, tzinfo=UTC)


class Layer:
    """A channel layer that does what the test says."""

    def __init__(self, send: Callable[[dict[str, Any]], Any]) -> None:
        self._send = send

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        result = self._send(message)
        if asyncio.iscoroutine(result):
            await result


def appended(count: int = 1) -> tuple[AppendedEvent, ...]:
    return tuple(AppendedEvent(n + 1, "Probed", "probe-1", uuid4(), NOW) for n in range(count))


def with_layer(monkeypatch: pytest.MonkeyPatch, send: Callable[[dict[str, Any]], Any]) -> Announcer:
    monkeypatch.setattr(announce, "get_channel_layer", lambda: Layer(send))
    return Announcer()


def test_a_burst_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    announcer = with_layer(monkeypatch, sent.append)
    for event in appended(100):
        announcer.appended(Appended((event,)))
    announcer.settled(Settled("payment", (SettledDelivery(7, "done", uuid4()),)))
    eventually(lambda: sent and sent[-1]["last"] == 100)
    assert len(sent) <= 3
    assert {name for message in sent for name in message["processors"]} == {"payment"}


def test_a_hung_redis_costs_the_caller_nothing_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(announce, "_TIMEOUT", 0.05)
    monkeypatch.setattr(announce, "_REST", 0.01)
    announcer = with_layer(monkeypatch, lambda message: asyncio.sleep(3600))
    for _ in range(100):
        announcer.appended(Appended(appended()))
    assert announcer.dropped < 50  # if each had waited for its time-out, all would be by now
    eventually(lambda: announcer.dropped >= 1)
    assert announcer.sent == 0


def test_after_a_fault_the_next_message_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announce, "_REST", 0.01)
    sent: list[dict[str, Any]] = []

    def once_broken(message: dict[str, Any]) -> None:
        if announcer.dropped == 0:
            raise ConnectionError("no Redis")
        sent.append(message)

    announcer = with_layer(monkeypatch, once_broken)
    announcer.appended(Appended(appended()))
    eventually(lambda: announcer.dropped == 1)
    announcer.appended(Appended(appended()))
    eventually(lambda: bool(sent))


def test_it_outlives_what_nobody_thought_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(announce, "_REST", 0.01)
    sent: list[dict[str, Any]] = []
    announcer = with_layer(monkeypatch, sent.append)
    with monkeypatch.context() as broken:
        broken.setattr(announce.Changes, "to_message", lambda changes: 1 / 0)
        announcer.appended(Appended(appended()))
        eventually(lambda: announcer.dropped == 1)
        eventually(lambda: "Live pages were not told of changes" in caplog.text)
    announcer.appended(Appended(appended()))
    eventually(lambda: bool(sent))


def test_a_forked_process_has_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    announcer = with_layer(monkeypatch, lambda message: None)
    announcer.appended(Appended(appended()))
    eventually(lambda: announcer.sent == 1)
    monkeypatch.setattr(os, "getpid", lambda: 999_999_999)  # as after a fork
    announcer.appended(Appended(appended()))
    eventually(lambda: announcer.sent == 2)
    assert announcer._pid == 999_999_999
