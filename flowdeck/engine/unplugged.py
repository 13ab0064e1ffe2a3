"""A thread that can't reach outside: sockets, other programs and further threads are refused.

What connects is seen by an audit hook of the interpreter, whoever calls; what sends on a connection
that was open before, by the methods of Python's sockets. The way to the database is its driver's
own. Native code that has sockets of its own is not seen.
"""

from __future__ import annotations

import functools
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flowdeck.errors import OutsideRefused

_REACHES = {
    "socket.connect": "connects to {1}",
    "socket.sendto": "sends to {1}",
    "socket.sendmsg": "sends to {1}",
    "socket.bind": "listens at {1}",
    "socket.getaddrinfo": "looks {0} up",
    "socket.gethostbyname": "looks {0} up",
    "subprocess.Popen": "starts {0}",
    "os.system": "starts {0}",
    "os.exec": "starts {0}",
    "os.posix_spawn": "starts {0}",
    "os.fork": "forks",
    "_thread.start_new_thread": "starts a thread",
}
_SENDS: dict[type, tuple[str, ...]] = {
    socket.socket: ("send", "sendall", "sendto", "sendmsg", "sendfile")
}
_SENDS[ssl.SSLSocket] = ("send", "sendall", "write")


class _Now(threading.local):
    """What was refused to this thread, if it is unplugged."""

    refused: list[str] | None = None


_now = _Now()


@contextmanager
def unplugged() -> Iterator[list[str]]:
    """Raise OutsideRefused in whatever reaches outside in this thread; gives what was refused.

    That list tells of it also where somebody has swallowed the error.
    """
    _install()
    before, _now.refused = _now.refused, []
    try:
        yield _now.refused
    finally:
        _now.refused = before


@functools.cache
def _install() -> None:
    """Once for the process, which can't take an audit hook back; idle it is one look-up."""
    sys.addaudithook(_heard)
    for kind, names in _SENDS.items():
        for name in names:
            setattr(kind, name, _guarded(getattr(kind, name)))


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _REACHES and _now.refused is not None:
        _refuse(_REACHES[event].format(*arguments, "", ""))


def _guarded(send: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(send)
    def checked(self: Any, *arguments: Any, **options: Any) -> Any:
        if _now.refused is not None:
            _refuse("sends on a connection that was open before")
        return send(self, *arguments, **options)

    return checked


def _refuse(what: str) -> None:
    refused, _now.refused = _now.refused, None  # what follows of the refusal is not it
    assert refused is not None
    refused.append(what[:200])
    _now.refused = refused
    raise OutsideRefused(f"it {what[:200]}")
