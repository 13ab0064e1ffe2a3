"""One socket's queue: slow readers lose frames, never answers, and make nobody wait."""

from __future__ import annotations

import asyncio
import json

from flowdeck.live.socket import SIGNED_OUT, Socket


class Browser:
    """The other end, which reads only when it is let."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.got: list[str] = []
        self.closed: int | None = None
        self.caught_up = asyncio.Event()

    async def send(self, text: str) -> None:
        await self.reads.wait()
        self.got.append(text)

    async def close(self, code: int) -> None:
        self.closed = code

    def socket(self) -> tuple[Socket, asyncio.Task[None]]:
        socket = Socket(None, None, self.send, self.close)
        return socket, asyncio.create_task(socket.pump(lambda _: self.caught_up.set()))


async def test_a_slow_reader_loses_frames_keeps_answers_and_then_gets_fresh_regions() -> None:
    browser = Browser()
    socket, pump = browser.socket()
    for number in range(100):
        socket.offer(f"frame {number}")
        if number == 50:
            socket.answer({"pong": 1})
    assert socket.behind
    browser.reads.set()
    async with asyncio.timeout(5):
        await browser.caught_up.wait()
    assert not socket.behind
    assert json.dumps({"pong": 1}) in browser.got
    assert len([text for text in browser.got if text.startswith("frame")]) <= 8
    assert socket.dropped >= 90
    socket.offer("frame after")
    socket.close(1000)
    async with asyncio.timeout(5):
        await pump
    assert browser.got[-1] == "frame after"


async def test_signing_out_says_so_and_closes() -> None:
    browser = Browser()
    socket, pump = browser.socket()
    browser.reads.set()
    socket.offer("frame")
    socket.sign_out()
    async with asyncio.timeout(5):
        await pump
    assert browser.got[-1] == json.dumps({"signed_out": True})
    assert browser.closed == SIGNED_OUT
