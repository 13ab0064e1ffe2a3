"""Somebody else's server: answers every request a tenth of a second after it came.

``python -m benchmarks.provider PORT`` runs it; :func:`ask` is how the peers ask it, one after the
other, and :func:`ask_async` how a handler does that has many calls in the air.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time

SECONDS = 0.1
_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def port() -> int:
    """Where it is, as processes are told."""
    return int(os.environ["BENCH_PROVIDER"])


def ask(n: int) -> None:
    """One request, which blocks. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port())) as line:
        line.sendall(f"GET /{n} HTTP/1.0\r\n\r\n".encode())
        while line.recv(4096):
            pass


async def ask_async(n: int) -> None:
    """One request, which is waited for. Raises OSError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port())
    writer.write(f"GET /{n} HTTP/1.0\r\n\r\n".encode())
    await reader.read()
    writer.close()


def wait_until_there() -> None:
    """Until it answers. Raises OSError if it does not within 20 s."""
    end = time.monotonic() + 20
    while True:
        try:
            return ask(0)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(SECONDS)
    writer.write(_ANSWER)
    await writer.drain()
    writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", int(sys.argv[1]), backlog=1_000)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
