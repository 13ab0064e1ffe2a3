"""A small TCP proxy that can cut, refuse and swallow connections, to stand for the network."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from pathlib import Path

_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: close with RST, as a network that is gone


class Proxy:
    """Listens on a port of this machine and passes all on to a Unix socket.

    ``refusing``: new connections are reset. ``swallowing``: nothing is passed on in either
    direction, but connections stay open, as when packets are lost.
    """

    def __init__(self, upstream: Path) -> None:
        self.upstream = upstream
        self.refusing = False
        self.swallowing = False
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self) -> int:
        """Reset every open connection; return how many there were."""
        with self._lock:
            ends = list(self._pairs)
        for end in ends:
            _drop(end)  # wakes the thread that serves it, which closes both
        return len(ends) // 2

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            try:
                if self.refusing:
                    raise ConnectionRefusedError
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self.upstream))
            except OSError:
                _drop(client)
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs[client], self._pairs[server] = server, client
            threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while self._pass_on(ready):
                pass
        for end in (client, server):
            with self._lock:
                self._pairs.pop(end, None)
            _drop(end)
            end.close()

    def _pass_on(self, ready: selectors.BaseSelector) -> bool:
        """Pass on what has come; false once either end has closed."""
        for key, _ in ready.select(timeout=1.0):
            while self.swallowing:
                threading.Event().wait(0.05)
            assert isinstance(key.fileobj, socket.socket)
            data = key.fileobj.recv(_CHUNK)
            if not data:
                return False
            key.data.sendall(data)
        return True


def _drop(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if end.family == socket.AF_INET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)
