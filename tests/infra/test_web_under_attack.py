"""The web process when anonymous people attack it, and when PostgreSQL goes away and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import http.cookiejar
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urlencode

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from drill.stack import Postgres
from tests.infra.quiet import BUSY
from tests.polling import eventually

pytestmark = pytest.mark.long

_ROOT = Path(__file__).resolve().parents[2]
_PAGES = (
    "/events/",
    "/traces/",
    "/flow/",
    "/catalog/",
    "/processors/",
    "/dead-letters/",
    "/replay/",
    "/account/",
    "/lab/",
    "/shop/",
    "/api/v1/events",
)
# Seconds: of any page, until a database that is away is said to be, and until it is back.
_AT_ONCE, _AWAY, _BACK = 1.0 * BUSY, 2.0 * BUSY, 2.0 * BUSY


@dataclass(frozen=True)
class Answer:
    """What came back, and after how many seconds."""

    status: int
    headers: HTTPMessage
    body: str
    took: float


@dataclass(frozen=True)
class Web:
    """A web process."""

    url: str
    pid: int

    @property
    def memory(self) -> int:
        """Bytes that it holds."""
        return int(psutil.Process(self.pid).memory_info().rss)


class Browser:
    """Somebody's browser, with their cookies."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = http.cookiejar.CookieJar()
        self._open = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.cookies)
        ).open

    def ask(self, path: str, form: dict[str, str] | None = None) -> Answer:
        """GET, or POST of ``form``."""
        body = None if form is None else urlencode(form).encode()
        began = time.monotonic()
        try:
            answer = self._open(urllib.request.Request(self.url + path, body), timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read().decode()
        return Answer(answer.status, answer.headers, text, time.monotonic() - began)

    @property
    def session(self) -> str:
        """The cookies as a header."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)

    def form(self, name: str = "customer") -> dict[str, str]:
        """The sign-in form, filled in."""
        page = self.ask("/accounts/login/").body
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page)
        assert token is not None
        return {"csrfmiddlewaretoken": token[1], "username": name, "password": "demo"}

    def sign_in(self, name: str) -> Answer:
        """As the sign-in page does it."""
        return self.ask("/accounts/login/", self.form(name))


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped, with the demo's accounts in it."""
    with tempfile.TemporaryDirectory(prefix="fdpg-") as folder:
        with warnings.catch_warnings(action="ignore"):  # it tells where it keeps its socket
            server = Postgres(Path(folder))
        for words in (["migrate", "-v0"], ["seed_demo"]):
            subprocess.run(
                [sys.executable, "manage.py", *words],
                cwd=_ROOT,
                env=_environment(server),
                check=True,
            )
        yield server
        server.close()


@pytest.fixture(scope="module", params=[1, 20])
def web(request: pytest.FixtureRequest, postgres: Postgres, redis_url: str) -> Iterator[Web]:
    """A web process with so many connections."""
    with _web(postgres, request.param) as running:
        yield running


@contextmanager
def _web(postgres: Postgres, connections: int) -> Iterator[Web]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        listener.set_inheritable(True)
        process = subprocess.Popen(
            [sys.executable, "-m", "eda_site.serve", "--fd", str(listener.fileno())],
            cwd=_ROOT,
            env=_environment(postgres) | {"DATABASE_POOL": str(connections)},
            pass_fds=[listener.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Web(f"http://127.0.0.1:{listener.getsockname()[1]}", process.pid)
        finally:
            process.terminate()
            process.wait(20)


def _environment(postgres: Postgres) -> dict[str, str]:
    environment = {
        **os.environ,
        "DATABASE_URL": postgres.url,
        "FLOWDECK_DEMO": "1",
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return environment


def _attack(url: str, requests: int, cookies: str = "") -> list[int]:
    """So many requests for addresses that don't exist, all at the same time: their statuses."""
    port = int(url.rpartition(":")[2])

    async def one(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        words = f"GET /none/{number}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        writer.write(f"{words}Cookie: {cookies or 'nobody=1'}\r\n\r\n".encode())
        status = (await reader.readline()).split()[1]
        await reader.read()
        writer.close()
        return int(status)

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(one(number) for number in range(requests)))

    return asyncio.run(all_of_them())


def _every_page_answers_at_once(browser: Browser) -> None:
    answers = {path: browser.ask(path) for path in _PAGES}
    slowest = max(answers.values(), key=lambda answer: answer.took)
    print(f"slowest of {len(answers)} pages: {slowest.took * 1000:.0f} ms")
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(_PAGES, 200)
    assert slowest.took < _AT_ONCE


def test_nobody_stops_the_site_with_wrong_addresses(web: Web, postgres: Postgres) -> None:
    teacher = Browser(web.url)
    assert teacher.sign_in("teacher").status == 200
    for restarted in (False, True):
        if restarted:
            postgres.crash()
            postgres.start()
        for requests in (60, 600):
            assert set(_attack(web.url, requests)) == {404}
            _every_page_answers_at_once(teacher)
        # Each has to know who asks: with one connection some wait in vain, and say so.
        assert set(_attack(web.url, 60, teacher.session)) <= {404, 503}
        _every_page_answers_at_once(teacher)
        assert 'aria-label="Sign out"' in teacher.ask("/none/").body


def test_a_database_that_is_away_is_said_at_once_and_forgotten_at_once(
    web: Web, postgres: Postgres
) -> None:
    teacher, visitor = Browser(web.url), Browser(web.url)
    assert teacher.sign_in("teacher").status == 200
    form = visitor.form()
    postgres.crash()
    try:
        answers = {path: teacher.ask(path) for path in (*_PAGES, "/none/", "/api/v1/orders/1")}
        answers["sign in"] = visitor.ask("/accounts/login/", form)
    finally:
        postgres.start()
    began = time.monotonic()
    eventually(lambda: teacher.ask("/events/").status == 200)
    back = time.monotonic() - began
    slowest = max(answers.values(), key=lambda answer: answer.took)
    print(f"away: slowest of {len(answers)} answers {slowest.took:.2f} s; back after {back:.2f} s")
    assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(answers, 503)
    assert [path for path, answer in answers.items() if "Retry-After" not in answer.headers] == []
    assert slowest.took < _AWAY
    assert back < _BACK
    _every_page_answers_at_once(teacher)
    assert visitor.sign_in("customer").status == 200


def test_one_person_does_not_stop_the_live_pages_of_the_others(web: Web) -> None:
    """150 sockets with 16 odd subscriptions each, and as many that are only many."""
    teacher, greedy = Browser(web.url), Browser(web.url)
    assert teacher.sign_in("teacher").status == 200
    assert greedy.sign_in("operator").status == 200
    asyncio.run(_crowd(web, greedy, 20, "orders:{:#x}"))  # what is loaded at first stays
    before = web.memory
    for odd in ("orders:{:#x}", "log:type=T{}"):
        refused, slowest = asyncio.run(_crowd(web, greedy, 150, odd, teacher))
        print(f"{odd}: {refused} refused; slowest of the others {slowest:.2f} s")
        assert refused >= 150 * 16 - 60
        assert slowest < _AT_ONCE
    print(f"memory: {before / 2**20:.0f} MB before, {web.memory / 2**20:.0f} MB after")
    eventually(lambda: web.memory < before * 1.1)


async def _crowd(
    web: Web, greedy: Browser, sockets: int, odd: str, other: Browser | None = None
) -> tuple[int, float]:
    """How many subscriptions were refused, and how long somebody else waited for a view at most."""
    async with contextlib.AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(_socket(web, greedy)) for _ in range(sockets)]
        views = [odd.format(number) for number in range(16 * sockets)]
        for number, socket in enumerate(opened):
            with contextlib.suppress(ConnectionClosed):
                await socket.send(json.dumps({"subscribe": views[16 * number : 16 * number + 16]}))
        refused = sum([await _refused(socket) for socket in opened])
        waited = [0.0]
        if other is not None:
            async with _socket(web, other) as socket:
                waited = [await _watched(socket) for _ in range(10)]
    return refused, max(waited)


def _socket(web: Web, browser: Browser) -> connect:
    address = web.url.replace("http", "ws") + "/ws/live/"
    return connect(
        address, origin=web.url, additional_headers={"Cookie": browser.session}, proxy=None
    )


async def _refused(socket: ClientConnection) -> int:
    """What the answer refuses; a socket that is one too many is closed, which refuses all."""
    try:
        async with asyncio.timeout(60):
            while True:
                message = json.loads(await socket.recv())
                if "refused" in message:
                    return len(message["refused"])
                if "frame" in message:
                    return 0
    except ConnectionClosed:
        return 16


async def _watched(socket: ClientConnection) -> float:
    """Seconds from asking for a view until it is there."""
    began = time.monotonic()
    await socket.send(json.dumps({"subscribe": ["traces"]}))
    while "frame" not in json.loads(await socket.recv()):
        pass
    await socket.send(json.dumps({"unsubscribe": ["traces"]}))
    return time.monotonic() - began
