"""A whole Flowdeck in real processes, started as users start it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql

from tests.polling import eventually

_ROOT = Path(__file__).resolve().parent.parent
_START_SECONDS = 60
_WORK_SECONDS = 180
_STOP_SECONDS = 10


@dataclass
class Site:
    """A running Flowdeck. ``environment`` is what its processes see."""

    url: str
    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    log: Path
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def started(cls, home: Path, port: int, **variables: str) -> Iterator[Site]:
        """Start it in ``home`` on ``port``, with a new database of the kind DATABASE_URL names.

        Its workers work: on a busy machine they are there long after its pages are.
        """
        home.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "FLOWDECK_HOME": str(home), "PORT": str(port), **variables}
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        environment["DATABASE_URL"] = _new_database(os.environ["DATABASE_URL"], home)
        environment["REDIS_URL"] = variables.get("REDIS_URL", "")
        log = home / "output.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "eda_site.run"],
                cwd=_ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        site = cls(f"http://127.0.0.1:{port}", home, environment, process, log)
        try:
            eventually(lambda: site.ready or process.poll() is not None, within=_START_SECONDS)
            assert site.ready, site.output
            eventually(lambda: site.works, within=_WORK_SECONDS)
            yield site
        finally:
            site.stop()

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.log.read_text(errors="replace")

    @property
    def ready(self) -> bool:
        """Whether it has said so."""
        return "Flowdeck is ready at" in self.output

    @property
    def works(self) -> bool:
        """Whether it says that nothing is amiss: its workers are there, too."""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=10) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise

    def manage(self, *arguments: str) -> str:
        """Run ``manage.py`` in its environment and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=_ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (done.stdout[-6000:], done.stderr[-3000:])
        return done.stdout

    def token(self, user: str) -> str:
        """A bearer token of ``user``."""
        if user not in self.tokens:
            self.tokens[user] = self.manage("create_token", user).splitlines()[-1]
        return self.tokens[user]

    def api(self, path: str, body: Any = None, *, user: str = "customer") -> Any:
        """Ask the JSON API as ``user``: GET, or POST of ``body`` with a new idempotency key."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token(user)}",
                "Content-Type": "application/json",
                "Idempotency-Key": str(uuid4()),
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def order(self, sku: str = "mug", **more: Any) -> int:
        """Place an order as the customer; return its id."""
        placed = self.api("/orders", {"items": [{"sku": sku, "quantity": 1}], **more})
        return int(placed["order_id"])

    def processor(self, name: str) -> dict[str, Any]:
        """How a processor is doing, as the API tells it."""
        rows = self.api("/processors", user="operator")
        return next(row for row in rows if row["name"] == name)

    def status(self, order_id: int) -> str:
        """Where an order stands; "" if the site can't say just now."""
        try:
            return str(self.api(f"/orders/{order_id}")["status"])
        except OSError:
            return ""

    def processes(self) -> list[psutil.Process]:
        """All processes that belong to it, whoever their parents are by now."""
        home = f"FLOWDECK_HOME={self.home}"
        found = []
        for process in psutil.process_iter():
            try:
                environment = process.environ()
            except psutil.Error:
                continue
            if f"FLOWDECK_HOME={environment.get('FLOWDECK_HOME')}" == home:
                found.append(process)
        return found


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _new_database(url: str, home: Path) -> str:
    if not url.startswith("postgres"):
        return f"sqlite:///{home / 'flowdeck.sqlite3'}"
    name = f"site_{os.getpid()}_{abs(hash(home)) % 10_000}"
    with (
        psycopg.connect(url, autocommit=True) as connection,
        contextlib.suppress(psycopg.errors.DuplicateDatabase),  # started a second time
    ):
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    head, _, rest = url.partition("//")
    authority, _, path = rest.partition("/")
    _, question, query = path.partition("?")
    return f"{head}//{authority}/{name}{question}{query}"
