"""A proxy lets no websocket pass: the page says so, follows by HTTP, and takes the socket again."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.test_reconnect import says
from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser


class Proxy:
    """Passes connections on to ``site``, upgrades to a websocket as ``mode`` says."""

    def __init__(self, site: str) -> None:
        self.mode = "swallow"  # or refuse, or pass
        self._site = urlsplit(site)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = client.recv(65_536)
            if b"upgrade: websocket" in head.lower() and self.mode != "pass":
                if self.mode == "refuse":
                    client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                while client.recv(1):
                    pass  # until the browser gives up
                return
            with socket.create_connection((self._site.hostname, self._site.port)) as server:
                server.sendall(head)
                threading.Thread(target=_copy, args=(server, client), daemon=True).start()
                _copy(client, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    running = Proxy(site.url)
    yield running
    running.stop()


def shows_once(page: Page, order: int) -> None:
    rows = page.locator("#log-rows > [id^=event-]:not(.leaving)", has_text=f"order-{order}")
    confirmed = rows.filter(has_text="OrderConfirmed")
    expect(confirmed).to_have_count(1, timeout=60_000)
    ids = page.locator("#log-rows > tr").evaluate_all("rows => rows.map(row => row.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.long
def test_a_proxy_swallows_or_refuses_the_upgrade(sign_in: SignIn, site: Site, proxy: Proxy) -> None:
    page = sign_in("operator", "/events/")
    page.goto(f"{proxy.url}/events/")
    says(page, "polling", within=60)
    expect(page.locator(".conn [data-word]")).to_have_text("Updates every 5 s")
    assert page.locator("html").get_attribute("data-stale") is None
    shows_once(page, site.order())
    proxy.mode = "refuse"
    page.reload()
    says(page, "polling", within=60)
    shows_once(page, site.order())
    proxy.mode = "pass"
    says(page, "live", within=60)
    shows_once(page, site.order())


def test_the_page_says_that_its_server_waits_for_the_database(sign_in: SignIn) -> None:
    page = sign_in("operator", "/events/")
    routes: list[WebSocketRoute] = []

    def line(route: WebSocketRoute) -> None:
        route.connect_to_server()
        routes.append(route)

    page.route_web_socket("**/ws/live/", line)
    page.reload()
    says(page, "live")
    routes[-1].send('{"waiting": "database"}')
    says(page, "waiting")
    expect(page.locator(".conn [data-word]")).to_have_text("Waiting for the database")
    expect(page.locator("html")).to_have_attribute("data-stale", "")
    routes[-1].send('{"waiting": null}')
    says(page, "live")
    expect(page.locator("html")).not_to_have_attribute("data-stale", "")
