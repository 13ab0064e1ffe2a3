"""HTTP with a deadline for the whole call: a limit per read lets a receiver drip for hours."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.request
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from types import TracebackType
from typing import Any, Self

from flowdeck.http import reach


class Deadline:
    """Cuts the connections of one call when its ``seconds`` are over; then it ``is_over``.

    Looking up a name is not cut, since nothing can; what follows it is.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin to count."""
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """The call is over."""
        self._timer.cancel()
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines = []

    def handlers(self) -> list[urllib.request.BaseHandler]:
        """What an opener needs to keep to it."""
        return [_Http(self), _Https(self)]

    def watch(self, line: socket.socket) -> None:
        """Cut this connection too. Watched is a copy of it, which TLS can't take over."""
        with self._lock:
            self._lines.append(line.dup())
        if self.is_over:
            self._cut()

    def _cut(self) -> None:
        self.is_over = True
        with self._lock:
            for line in self._lines:
                with contextlib.suppress(OSError):  # it has ended by itself
                    line.shutdown(socket.SHUT_RDWR)


class _Line(HTTPConnection):
    deadline: Deadline

    def connect(self) -> None:
        self._create_connection = reach.connected
        super().connect()
        self.deadline.watch(self.sock)


class _SafeLine(HTTPSConnection, _Line):
    """Its connect calls that of ``_Line`` before the handshake, which may drip as well."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._line, req)

    def _line(self, host: str, **options: Any) -> HTTPConnection:
        line = _Line(host, **options)
        line.deadline = self._deadline
        return line


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(self._line, req)

    def _line(self, host: str, **options: Any) -> HTTPSConnection:
        line = _SafeLine(host, **options)
        line.deadline = self._deadline
        return line
