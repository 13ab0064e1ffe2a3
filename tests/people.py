"""People in front of a real Chromium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from tests.site import Site

# Without these Chromium looks for servers of its maker at every start.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SignIn = Callable[..., Page]
_SIGN_IN = "/accounts/login/"

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Playwright's loop must not make Django believe that tests run inside of an event loop.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        running = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def signed_in_before() -> dict[tuple[str, str], StorageState]:
    """Who has signed in, with their cookies: hashing passwords would take most of a test."""
    return {}


@pytest.fixture
def sign_in(
    browser: Browser, site: Site, signed_in_before: dict[tuple[str, str], StorageState]
) -> Iterator[SignIn]:
    """Opens a page as a demo user: ``sign_in("customer", "/shop/")``.

    They want little motion, unless ``reduced_motion="no-preference"``: sixty pictures a second,
    drawn without a graphics card, are half the work of a browser. What the page logs as an error,
    and what its CSP refuses, fails the test.
    """
    pages: list[Page] = []
    faults: list[str] = []

    def open_page(user: str, path: str = "/", **options: object) -> Page:
        who = (site.url, user)
        context = browser.new_context(
            viewport={"width": 1440, "height": 900},
            storage_state=signed_in_before.get(who),
            **{"reduced_motion": "reduce", **options},
        )
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security" in said.text else None,
        )
        page.goto(f"{site.url}{path if who in signed_in_before else f'{_SIGN_IN}?next={path}'}")
        if _SIGN_IN in page.url:  # or signed out meanwhile
            page.get_by_role("button", name=user).click()
            page.wait_for_url(f"{site.url}{path}**")
            cookies = context.storage_state()["cookies"]
            signed_in_before[who] = StorageState(cookies=cookies, origins=[])
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert faults == []


@pytest.fixture
def shots(request: pytest.FixtureRequest) -> Path:
    """Where screenshots of a test go."""
    folder = Path(os.environ["FLOWDECK_HOME"]) / "shots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
