"""The web process stops in time, whatever its clients do, and answers whoever was let in."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from websockets.sync.client import connect

from tests.infra.quiet import BUSY
from tests.polling import eventually

_ROOT = Path(__file__).resolve().parents[2]
_GONE_SECONDS = 10 * BUSY  # without a limit it is never gone
_ARRIVES = 3  # seconds; longer than it is, so that a busy machine has the time to send in it
_PROGRAM = f"""
import socket, sys
from eda_site import serve
if "late" in sys.argv:
    serve._ARRIVES = {_ARRIVES}
serve.serve(socket.socket(fileno=int(sys.argv[1])), "tests.infra.test_serve:application")
"""


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Streams without end at /stream, stays in a thread at /thread, is slow elsewhere."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/thread":
        await asyncio.to_thread(time.sleep, 60)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while scope["path"] == "/stream":
        body = b"x" * 65536
        await send({"type": "http.response.body", "body": body, "more_body": True})
    await asyncio.sleep(0.5)
    await send({"type": "http.response.body", "body": b"whole"})


class Served:
    """A running web process and its port."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def asks(self, text: str) -> socket.socket:
        line = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        line.sendall(text.replace("\n", "\r\n").encode())
        return line

    @property
    def listens(self) -> bool:
        """Whether it takes connections; the socket itself stays open, here."""
        waited = psutil.Process(self.process.pid).net_connections("tcp")
        return any(one.status == psutil.CONN_LISTEN for one in waited)

    def seconds_to_go(self) -> float:
        """How long it takes from SIGTERM to its end."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - began


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.set_inheritable(True)
        file = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(file), getattr(request, "param", "")],
            cwd=_ROOT,
            pass_fds=[file],
        )
        try:
            one = Served(process, listener.getsockname()[1])
            with one.asks("GET / HTTP/1.1\nHost: x\nConnection: close\n\n") as line:
                assert line.recv(1000)
            yield one
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def test_half_sent_requests_and_slow_readers_keep_it_no_longer_than_it_says(
    served: Served,
) -> None:
    half_head = served.asks("GET / HTTP/1.1\nHos")
    half_body = served.asks("POST / HTTP/1.1\nHost: x\nContent-Length: 900\n\nhalf")
    slow = served.asks("GET /stream HTTP/1.1\nHost: x\n\n")
    silent = served.asks("")
    assert slow.recv(10)
    assert served.seconds_to_go() < _GONE_SECONDS
    for line in (half_head, half_body, slow, silent):
        line.close()


def test_a_thread_that_never_ends_ends_with_it(served: Served) -> None:
    with served.asks("GET /thread HTTP/1.1\nHost: x\n\n"):
        with served.asks("GET / HTTP/1.1\nHost: x\nConnection: close\n\n") as later:
            assert later.recv(1000)  # so the one before is in its thread
        assert served.seconds_to_go() < _GONE_SECONDS


@pytest.mark.parametrize("served", ["late"], indirect=True)
def test_whoever_was_let_in_gets_an_answer_and_sockets_a_code_to_come_back_by(
    served: Served,
) -> None:
    with connect(f"ws://127.0.0.1:{served.port}/", close_timeout=1) as page:
        begun = served.asks("GET / HTTP/1.1\nHost: x\nConnection: close\n\n")
        late = socket.create_connection(("127.0.0.1", served.port), timeout=30)
        with served.asks("GET / HTTP/1.1\nHost: x\nConnection: close\n\n") as other:
            assert other.recv(1000)  # so the late one has been accepted as well
        served.process.send_signal(signal.SIGTERM)
        eventually(lambda: not served.listens)
        late.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for line in (begun, late):
            with line:
                said = b"".join(iter(lambda line=line: line.recv(4096), b""))
                assert said.endswith(b"whole\r\n0\r\n\r\n")
        with contextlib.suppress(Exception):
            page.recv(timeout=30)
        assert page.close_code == 1012
    eventually(lambda: served.process.poll() is not None, within=_GONE_SECONDS)
