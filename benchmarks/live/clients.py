"""So many bare websockets in one process: ``... benchmarks.live.clients PORT COOKIES SECONDS``.

They watch the timeline and the log, read all that comes, and note when. A client that parsed HTML
would be slower than what it measures: a frame is opened once, whoever got it. Prints "ready", then
``{"frames": [[positions], [arrivals]], "dropped": n, "bytes": n}``.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import os
import re
import struct
import sys
import time
from dataclasses import dataclass, field

VIEWS = ["timeline:window=15", "log", "rate"]
_POSITION = re.compile(r'<tr id=\\"event-(\d+)\\"')
_SETTLE_SECONDS = 2
_JOIN_SECONDS = 60


@dataclass
class Noted:
    """What all sockets saw. Frames are told apart by their bytes."""

    frames: dict[int, tuple[list[int], list[float]]] = field(default_factory=dict)
    watching: int = 0
    dropped: int = 0
    size: int = 0

    def frame(self, payload: bytes) -> None:
        """One frame arrived at one socket."""
        self.size += len(payload)
        key = hash(payload)
        if key not in self.frames:
            raw = gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload
            found = sorted({int(one) for one in _POSITION.findall(raw.decode())})
            self.frames[key] = (found, [])
        self.frames[key][1].append(time.time())


class Line(asyncio.Protocol):
    """One websocket without extensions; what it sends is masked with zeros."""

    def __init__(self, port: int, cookie: str, noted: Noted) -> None:
        self._port, self._cookie, self._noted = port, cookie, noted
        self._buffer = bytearray()
        self._open = self._served = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"127.0.0.1:{self._port}"
        transport.write(
            f"GET /ws/live/ HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\nCookie: sessionid={self._cookie}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        self._buffer += data
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._buffer[: end + 4]
            self._open = True
            self._say(1, json.dumps({"subscribe": VIEWS}).encode())
        while (found := self._next()) is not None:
            code, content = found
            if code == 9:
                self._say(10, content)
            elif code in (1, 2):
                self._noted.watching += not self._served
                self._served = True
                self._noted.frame(content)

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody closes it but us."""
        self._noted.dropped += 1

    def _say(self, code: int, payload: bytes) -> None:
        self._transport.write(bytes([128 | code, 128 | len(payload)]) + b"\0\0\0\0" + payload)

    def _next(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 10:
            return None
        length, start = buffer[1] & 127, 2
        if length == 126:
            length, start = struct.unpack_from("!H", buffer, 2)[0], 4
        elif length == 127:
            length, start = struct.unpack_from("!Q", buffer, 2)[0], 10
        if len(buffer) < start + length:
            return None
        found = buffer[0] & 15, bytes(buffer[start : start + length])
        del buffer[: start + length]
        return found


async def _watch(port: int, cookies: list[str], seconds: float) -> Noted:
    noted, loop = Noted(), asyncio.get_running_loop()
    for cookie in cookies:
        await loop.create_connection(lambda c=cookie: Line(port, c, noted), "127.0.0.1", port)
        await asyncio.sleep(0.005)
    async with asyncio.timeout(_JOIN_SECONDS):
        while noted.watching < len(cookies):  # who joins gets whole regions, which cost queries
            await asyncio.sleep(0.05)
    await asyncio.sleep(_SETTLE_SECONDS)
    print("ready", flush=True)
    noted.frames.clear()
    await asyncio.sleep(seconds)
    return noted


def main(port: str, cookies: str, seconds: str) -> None:
    """Watch; tell what was seen."""
    import uvloop

    noted = uvloop.run(_watch(int(port), json.loads(cookies), float(seconds)))
    frames = [frame for frame in noted.frames.values() if frame[0]]
    print(json.dumps({"frames": frames, "dropped": noted.dropped, "bytes": noted.size}), flush=True)
    os._exit(0)  # the sockets are not to be counted as dropped


if __name__ == "__main__":
    main(*sys.argv[1:])
