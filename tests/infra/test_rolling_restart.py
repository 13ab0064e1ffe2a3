"""Production as the README has it goes on while each of its processes is replaced, under load."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.infra.production import GONE_SECONDS, PASSWORD, Production, production
from tests.polling import eventually

pytestmark = pytest.mark.long


class Load:
    """Orders at a steady rate through the proxy, until told to stop; every one has to be taken."""

    def __init__(self, site: Production, token: str) -> None:
        self.placed: list[int] = []
        self.faults: list[str] = []
        self._site, self._token = site, token
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._place) for _ in range(2)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def order(self) -> int:
        """Place one; its id."""
        asked = self._site.open(
            "/api/v1/orders",
            data=b'{"items": [{"sku": "mug", "quantity": 1}]}',
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Idempotency-Key": str(uuid4()),
            },
        )
        with urllib.request.urlopen(asked, timeout=60, context=self._site.trust) as answer:
            return int(json.load(answer)["order_id"])

    def _place(self) -> None:
        while not self._stop.wait(0.1):
            try:
                self.placed.append(self.order())
            except OSError as error:
                self.faults.append(f"{error!r} {getattr(error, 'fp', '')}")


@pytest.fixture
def deployed(tmp_path: Path) -> Iterator[Production]:
    with production(tmp_path) as running:
        running.start("worker", "web0", "web1")
        yield running


def _shop(browser: Browser, site: Production) -> Page:
    """The shop in a browser, after signing in over TLS."""
    page = browser.new_context(ignore_https_errors=True).new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{site.url}/accounts/login/?next=/shop/")
    page.get_by_label("User name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site.url}/shop/")
    page.evaluate("window.neverReloaded = true")
    return page


def _confirmed_live(page: Page, row: Locator) -> None:
    expect(row).to_have_attribute("data-group", "confirmed", timeout=60_000)
    assert page.evaluate("window.neverReloaded") is True


@pytest.mark.browser
def test_orders_over_tls_survive_a_rolling_restart_under_load(
    browser: Browser, deployed: Production
) -> None:
    page = _shop(browser, deployed)
    token = deployed.run("python manage.py create_token anna").splitlines()[-1]
    page.locator("#product-mug [data-add]").click()
    page.locator("#place-order").click()
    _confirmed_live(page, page.locator("#orders > li[id^=order-]").first)
    line = page.locator('[data-behaviour~="connection"]').first
    with Load(deployed, token) as load:
        for name in ("web0", "web1", "worker"):
            before = len(load.placed)
            eventually(lambda before=before: len(load.placed) > before + 5)
            assert deployed.stop(name) < GONE_SECONDS, name
            deployed.start(name)
        expect(line).to_have_attribute("data-state", "live", timeout=60_000)
    number = load.order()
    link = page.get_by_role("link", name=f"order-{number}", exact=True)
    _confirmed_live(page, page.locator("#orders > li", has=link))
    assert load.faults == []
    everything = {*load.placed, number}
    with psycopg.connect(deployed.environment["DATABASE_URL"], autocommit=True) as database:
        asked = "SELECT order_id FROM events_ordersummary WHERE status = 'confirmed'"
        eventually(lambda: everything <= {row[0] for row in database.execute(asked)}, every=0.2)
    assert "ok" in deployed.run("python manage.py verify")
    page.context.close()
