"""The web process: uvicorn on a socket that the supervisor opened.

The socket stays open while this process is started anew, so browsers wait for a moment then
instead of being refused.
"""

from __future__ import annotations

import socket
import sys

import uvicorn


def main(file: int) -> None:
    """Serve on the listening socket ``file`` until told to stop."""
    config = uvicorn.Config(
        "eda_site.asgi:application",
        log_config=None,  # Django's logging settings rule
        access_log=False,
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        ws_max_size=64 * 1024,
        # It would compress the same frame again for each socket; on one machine that buys nothing.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=file)])


if __name__ == "__main__":
    main(int(sys.argv[1]))
