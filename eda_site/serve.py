"""``python -m eda_site.serve``: the web process, with every limit that a server on a network needs.

Listens on ``HOST`` (default 127.0.0.1) and ``PORT`` (default 8000), or on the socket that systemd
opened for it. The socket then stays open while this process is started anew, and whoever connects
meanwhile waits for a moment instead of being refused.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import sys

import uvicorn

from eda_site.run.errors import CannotRun
from eda_site.run.listener import from_systemd, opened
from eda_site.run.options import number

STOP_SECONDS = 5
"""What is under way when a signal comes may take so long, then it is cut off."""

_ARRIVES = 0.2  # seconds in which a connection that was just let in sends its request
_MOST_CONNECTIONS = 4_000
_OTHER_FILES = 200  # databases, Redis, static files: what else a process has open


class _Server(uvicorn.Server):
    """Stops in time, whatever its clients do; whoever was let in gets an answer."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections, finish what is under way, close sockets with 1012."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_ARRIVES)
        await super().shutdown(sockets)


def serve(
    listener: socket.socket,
    application: str = "eda_site.asgi:application",
    stop_seconds: int = STOP_SECONDS,
) -> None:
    """Serve ``application`` on this listening socket until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        application,
        log_config=None,  # Django's logging settings rule
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,  # asgi.py believes TRUSTED_PROXIES, and nobody else
        limit_concurrency=_most_connections(),
        ws_max_size=64 * 1024,
        # It would compress the same frame again for each socket; a proxy does it once if at all.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=stop_seconds,
    )
    _Server(config).run(sockets=[listener])


def _most_connections() -> int:
    """As many as there are files for; a process without files left can't even accept and refuse."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = soft - _OTHER_FILES if soft != resource.RLIM_INFINITY else _MOST_CONNECTIONS
    return max(1, min(_MOST_CONNECTIONS, room))


def main(arguments: list[str]) -> None:
    """Serve until told to stop; exits with 1 if there is nothing to listen on."""
    parser = argparse.ArgumentParser(prog="python -m eda_site.serve", description=__doc__)
    parser.add_argument("--fd", type=int, help="a listening socket that was opened for this one")
    parser.add_argument("--stop-seconds", type=int, default=STOP_SECONDS)
    given = parser.parse_args(arguments)
    try:
        if given.fd is not None:
            listener = socket.socket(fileno=given.fd)
        else:
            listener = from_systemd() or opened(
                os.environ.get("HOST") or "127.0.0.1", number("PORT", default=8000, most=65535)
            )
    except CannotRun as error:
        parser.exit(1, f"Flowdeck did not start. {error}\n")
    serve(listener, stop_seconds=given.stop_seconds)


if __name__ == "__main__":
    main(sys.argv[1:])
