"""A proxy before a broker that can be cut, and can keep confirmations to itself."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

_CHUNK = 65_536


class Proxy:
    """Hands bytes on in both directions, between a port of its own and the broker's address."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._cut = False
        self._swallows, self._marker = 0, b""
        self.swallowed = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        """The broker is away: what is open ends, and nobody gets through."""
        with self._lock:
            self._cut = True
            gone, self._open = self._open, set()
        for one in gone:
            _close(one)

    def mend(self) -> None:
        """The broker is back."""
        self._cut = False

    def swallow(self, count: int, marker: bytes) -> None:
        """Of the next requests that hold ``marker`` keep the answers, and end the connection."""
        self._swallows, self._marker, self.swallowed = count, marker, 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._cut:
                _close(client)
                continue
            family = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
            broker = socket.socket(family, socket.SOCK_STREAM)
            broker.connect(self._target)
            with self._lock:
                self._open |= {client, broker}
            pair = _Pair()
            for source, sink, asks in ((client, broker, True), (broker, client, False)):
                arguments = (source, sink, asks, pair)
                threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, asks: bool, pair: _Pair) -> None:
        try:
            while data := source.recv(_CHUNK):
                if asks and self._swallows and self._marker in data and not pair.deaf:
                    pair.deaf = True
                    self._swallows -= 1
                if not asks and pair.deaf:
                    self.swallowed += 1
                    break
                sink.sendall(data)
        except OSError:
            pass
        finally:
            _close(source)
            _close(sink)


class _Pair:
    deaf = False


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
