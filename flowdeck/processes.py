"""This process, as pages and rows name it."""

from __future__ import annotations

import os
import socket
from functools import cache


def worker_name() -> str:
    """Host and process id."""
    return f"{_host()}:{os.getpid()}"


@cache
def _host() -> str:
    return socket.gethostname()[:80]
