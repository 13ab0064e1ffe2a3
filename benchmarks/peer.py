"""The peers' side: their own virtual environment, their programs, their databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.flowdeck import ROOT, WORKER_PROCESSES, running
from benchmarks.servers import Servers

_HERE = Path(__file__).resolve().parent
_VENV = ROOT / "var" / "benchmarks" / "venv"
REQUIREMENTS = _HERE / "requirements-peers.txt"
PYTHON = _VENV / "bin" / "python"
_LOOK_SECONDS = 0.02


def install() -> None:
    """Make the virtual environment, unless it is there and as the requirements say."""
    installed = _VENV / ".installed"
    wanted = REQUIREMENTS.read_text()
    if installed.exists() and installed.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
    installed.write_text(wanted)


def environment(servers: Servers, database: str = "") -> dict[str, str]:
    """What a peer's program needs to know."""
    return {
        **{k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"},
        "REDIS_URL": servers.redis,
        "DATABASE_URL": database,
    }


def step(servers: Servers, module: str, *words: Any, database: str = "") -> dict[str, float]:
    """Run a step of a peer's program; return what it measured."""
    command = [str(PYTHON), "-m", f"benchmarks.peers.{module}", *map(str, words)]
    told = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(servers, database),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return dict(json.loads(told.splitlines()[-1]))


@contextmanager
def database(servers: Servers, name: str) -> Iterator[str]:
    """An empty database for a peer, dropped after use."""
    servers.execute(f"CREATE DATABASE {name}")
    try:
        yield servers.database(name)
    finally:
        servers.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def celery_working(servers: Servers, module: str, database: str = "") -> Iterator[None]:
    """A Celery worker of a peer, with as many processes as ours and started alike."""
    command = [
        str(PYTHON),
        "-W",
        "ignore:You're running the worker",
        "-m",
        "celery",
        "--quiet",
        "-A",
        f"benchmarks.peers.{module}",
        "worker",
        "--pool=prefork",
        f"--concurrency={WORKER_PROCESSES}",
        "--loglevel=WARNING",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    with running(command, environment(servers, database)):
        yield


def wait_marks(servers: Servers, within: float = 60) -> float:
    """Wait for the two marks around the tasks; return the seconds between them."""
    import redis

    client = redis.Redis.from_url(servers.redis)
    deadline = time.time() + within
    while client.llen("marks") < 2:
        if time.time() > deadline:
            raise SystemExit(f"A peer was not done after {within} s.")
        time.sleep(_LOOK_SECONDS)
    first, last = sorted(float(mark) for mark in client.lrange("marks", 0, -1))
    return last - first


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    """The answer to a query."""
    with psycopg.connect(database) as connection:
        return connection.execute(query).fetchall()
