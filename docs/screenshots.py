"""``make screenshots``: takes the pictures of the docs anew, from a site of its own."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.site import Site, free_port

FOLDER = Path(__file__).parent / "screenshots"
STORIES = ("Poison message", "Provider down", "Out of stock", "Card declined", "All goes well")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main() -> int:
    """Start a site, let a customer order, and look at each page."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("There is no Chromium on PATH.", file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    os.environ.setdefault("DATABASE_URL", "")
    with (
        tempfile.TemporaryDirectory(prefix="fd-") as home,
        Site.started(Path(home), free_port()) as site,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.goto(f"{site.url}/accounts/login/")
        _take(page, "login")
        _sign_in(page, site, "customer", "/shop/")
        trace = _order(page)
        _take(page, "shop")
        page.context.clear_cookies()
        _sign_in(page, site, "operator", "/events/")
        _take(page, "log")
        page.goto(trace)
        _take(page, "trace")
        page.emulate_media(color_scheme="dark")
        page.reload()  # or the change itself is in the picture
        _take(page, "trace-dark")
        page.emulate_media(color_scheme="light")
        for name in ("processors", "timeline", "flow", "dead-letters", "replay", "catalog"):
            page.goto(f"{site.url}/{name}/{'?window=60' if name == 'timeline' else ''}")
            _take(page, name)
        browser.close()
    return 0


def _sign_in(page: Page, site: Site, user: str, path: str) -> None:
    page.goto(f"{site.url}/accounts/login/?next={path}")
    page.get_by_role("button", name=user).click()
    page.wait_for_url(f"{site.url}{path}**")


def _order(page: Page) -> str:
    """Live through all stories; the address of the trace of the one that was retried."""
    for story in STORIES:
        page.get_by_role("button", name=story).click()
    retried = page.locator("#orders > li", has_text="3 retries")
    expect(retried).to_have_count(1, timeout=60_000)
    expect(page.get_by_text("needs a person")).to_be_visible(timeout=60_000)
    return str(retried.get_by_role("link").first.evaluate("link => link.href"))


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"docs/screenshots/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
