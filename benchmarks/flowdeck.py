"""Our side: databases copied from a template, and Celery workers as ``make run`` starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.servers import Servers
from eda_site.run.supervisor import worker_command

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "var" / "benchmarks" / "output.log"
WORKER_PROCESSES = 2
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 15
_UNFINISHED = """
SELECT 1 FROM (SELECT DISTINCT processor FROM flowdeck_lane) AS l
WHERE EXISTS (
  SELECT 1 FROM flowdeck_due d
  WHERE d.processor = l.processor AND state IN ('pending', 'retrying', 'sleeping'))
LIMIT 1
"""
_WORK = "SELECT count(*), min(started_at), max(finished_at) FROM flowdeck_done"


@dataclass(frozen=True)
class Drained:
    """What workers did: so many deliveries, in so many seconds from the first to the last."""

    count: int
    seconds: float

    @property
    def rate(self) -> float:
        """Deliveries per second."""
        return self.count / self.seconds


@dataclass(frozen=True)
class Database:
    """One of our databases. ``path`` is that of an SQLite file."""

    url: str
    servers: Servers
    path: Path | None = None

    def environment(self) -> dict[str, str]:
        """What our processes need to know."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
            "DATABASE_URL": self.url,
            "REDIS_URL": self.servers.redis,
            "FLOWDECK_HOME": str(self.servers.home),
            "LOG_LEVEL": "WARNING",
        }

    def work(self, name: str, *arguments: Any, of: str = "benchmarks.work") -> dict[str, float]:
        """Run a step of a module in a process of its own; return what it measured."""
        words = [sys.executable, "-m", of, name, *map(str, arguments)]
        told = subprocess.run(
            words, cwd=ROOT, env=self.environment(), check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        return dict(json.loads(told))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The answer to a query."""
        if self.path:
            with sqlite3.connect(self.path, timeout=20) as lite:
                return lite.execute(query).fetchall()
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    def wait_drained(self, since: float, within: float) -> Drained:
        """Wait until nothing is unfinished; return what was handled since that moment."""
        ended = self._wait_finished(within)
        count, first, _ = self._done_since(since)
        return Drained(count, ended - first)

    def drained_in(self, since: float, seconds: float) -> Drained:
        """What was handled in about ``seconds`` from the first delivery after ``since``."""
        moment = datetime.fromtimestamp(since, UTC)
        while not self.rows(f"SELECT 1 FROM flowdeck_lane WHERE claimed_at > '{moment}' LIMIT 1"):
            time.sleep(_LOOK_SECONDS)
        time.sleep(seconds)
        count, first, last = self._done_since(since)
        return Drained(count, last - first)

    def _wait_finished(self, within: float) -> float:
        deadline = time.time() + within
        connection: Any
        if self.path:
            connection = sqlite3.connect(self.path, timeout=20, isolation_level=None)
        else:
            connection = psycopg.connect(self.url, autocommit=True)
            connection.execute("SET enable_seqscan = off")
        try:
            while connection.execute(_UNFINISHED).fetchone():
                if time.time() > deadline:
                    raise SystemExit(f"Work was left after {within} s; see the workers' output.")
                time.sleep(_LOOK_SECONDS)
            return time.time()
        finally:
            connection.close()

    def _done_since(self, since: float) -> tuple[int, float, float]:
        moment = datetime.fromtimestamp(since, UTC)
        text = moment.strftime("%Y-%m-%d %H:%M:%S.%f") + ("" if self.path else "+00")
        [(count, first, last)] = self.rows(f"{_WORK} WHERE started_at > '{text}'")
        return count, _seconds(first), _seconds(last)


def _seconds(moment: datetime | str | None) -> float:
    if isinstance(moment, str):  # SQLite
        moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return moment.timestamp() if moment else 0.0


class Template:
    """A migrated database with the shop's products in stock, copied for each run."""

    def __init__(self, servers: Servers, kind: str, name: str = "flowdeck_template") -> None:
        self.servers, self.kind, self.name, self._copies = servers, kind, name, 0
        self._original = self._named(name)

    def prepared(self) -> Template:
        """Itself, with tables, products and stock."""
        if self.kind == "postgresql":
            self.servers.execute(f"CREATE DATABASE {self.name}")
        self._original.work("prepare")
        return self

    def filled(self, name: str, fill: Callable[[Database], None]) -> Template:
        """A copy that ``fill`` has put something into, to be copied in turn (PostgreSQL)."""
        self.servers.execute(f"CREATE DATABASE {name} TEMPLATE {self.name}")
        copy = Template(self.servers, self.kind, name)
        fill(copy._original)
        return copy

    @contextmanager
    def copied(self) -> Iterator[Database]:
        """A fresh copy, dropped after use."""
        self._copies += 1
        name = f"{self.name}_{self._copies}"
        copy = self._named(name)
        if copy.path and self._original.path:
            shutil.copy(self._original.path, copy.path)
            yield copy
            return
        # By file: a template of gigabytes need not go through the log.
        self.servers.execute(f"CREATE DATABASE {name} TEMPLATE {self.name} STRATEGY file_copy")
        try:
            yield copy
        finally:
            self.servers.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _named(self, name: str) -> Database:
        if self.kind == "postgresql":
            return Database(self.servers.database(name), self.servers)
        path = self.servers.home / f"{name}.sqlite3"
        return Database(f"sqlite:///{path}", self.servers, path)


@contextmanager
def working(
    database: Database, processes: int = WORKER_PROCESSES, **variables: str
) -> Iterator[float]:
    """Celery workers at work on ``database``; gives the moment they were started."""
    database.servers.forget_messages()
    started = time.time()
    with running(worker_command(processes), {**database.environment(), **variables}):
        yield started


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program, until the block ends; what it prints goes to var/benchmarks/output.log."""
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with OUTPUT.open("ab") as output:
        program = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield program
    finally:
        program.send_signal(signal.SIGTERM)
        try:
            program.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(program.pid, signal.SIGKILL)
            program.wait()
