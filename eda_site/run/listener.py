"""The socket that a web process listens on: opened here, or by systemd."""

from __future__ import annotations

import os
import socket

from eda_site.run.errors import CannotRun

_BACKLOG = 2048
_FIRST_FROM_SYSTEMD = 3  # sd_listen_fds(3)


def opened(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CannotRun, with what to do, if the address can't be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotRun(
            f"Port {port} of {host} can't be used: {error.strerror}.\n"
            f"Stop the program that has it, or choose another with PORT={port + 1}."
        ) from error
    return listener


def from_systemd() -> socket.socket | None:
    """The socket of the ``.socket`` unit beside ours. Raises CannotRun if there are several."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    if os.environ.get("LISTEN_FDS") != "1":
        raise CannotRun(
            f"systemd passes {os.environ.get('LISTEN_FDS')} sockets; one web process serves one. "
            "Name one ListenStream in its .socket unit."
        )
    return socket.socket(fileno=_FIRST_FROM_SYSTEMD)
