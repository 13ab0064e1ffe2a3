"""``make storyboard``: takes the pictures of docs/claim.md anew: what one sees of an order."""

from __future__ import annotations

import os
import sys

from playwright.sync_api import Browser, Locator, Page, expect

from docs.screenshots import FOLDER, WIDE
from tests.site import Site
from tests.stage import a_stage

ORDERS = "**/shop/orders/"


def main() -> int:
    """Start a site and live through a claim in both themes."""
    os.environ.setdefault("DATABASE_URL", "")
    with a_stage() as (browser, site):
        for theme in ("light", "dark"):
            _live_through(browser, site, theme)
    return 0


def _live_through(browser: Browser, site: Site, theme: str) -> None:
    shade = "" if theme == "light" else "-dark"
    context = browser.new_context(viewport=WIDE, color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{site.url}/accounts/login/?next=/shop/")
    page.get_by_role("button", name="customer").click()
    page.wait_for_url(f"{site.url}/shop/**")
    _goes_well(page, shade)
    _is_corrected(page, shade)
    _is_refused(page, shade)
    _is_not_answered(page, shade)
    context.set_offline(True)
    _shoot(_ordered(page), "offline", shade)
    context.set_offline(False)
    expect(page.locator("#claims .ghost")).to_have_count(0)
    context.clear_cookies()
    _shoot(_ordered(page), "signed-out", shade)
    context.close()


def _ordered(page: Page, story: str = "All goes well") -> Locator:
    """Order with one click; the claim, once it says what became of it."""
    page.get_by_role("button", name=story).click()
    page.wait_for_timeout(600)
    return page.locator("#claims .ghost").first


def _goes_well(page: Page, shade: str) -> None:
    held = []
    page.route(ORDERS, lambda route: held.append(route))
    page.get_by_role("button", name="All goes well").click()
    claim = page.locator("#claims li").first
    key = claim.get_attribute("id")
    expect(claim).to_be_visible()
    page.wait_for_timeout(0)
    _shoot(claim, "claimed", shade)
    held[0].continue_()
    page.unroute(ORDERS)
    page.wait_for_selector(f"[id={key}][data-shown='1']")
    page.wait_for_timeout(160)
    _shoot(page.locator(f"[id={key}]"), "placed", shade)
    settled = page.locator(f"[id={key}][data-group=confirmed]:not([data-shown])")
    _shoot(settled, "confirmed", shade)


def _is_corrected(page: Page, shade: str) -> None:
    page.get_by_role("button", name="Card declined").click()
    key = page.locator("#claims li").first.get_attribute("id")
    settled = page.locator(f"[id={key}][data-group=corrected]:not([data-shown], [data-turned])")
    expect(settled).to_contain_text("back in stock")
    _shoot(settled, "corrected", shade)


def _is_refused(page: Page, shade: str) -> None:
    page.locator("#product-mug [data-add]").click()
    page.locator("#product-mug input[name=quantity]").fill("100")
    page.locator("#place-order").click()
    claim = page.locator("#claims .refused")
    _shoot(claim, "refused", shade)
    claim.get_by_role("button", name="Drop it").click()
    page.get_by_role("button", name="Empty").click()


def _is_not_answered(page: Page, shade: str) -> None:
    page.route(ORDERS, lambda route: route.abort())
    claim = _ordered(page)
    _shoot(claim, "no-answer", shade)
    page.unroute(ORDERS)
    claim.get_by_role("button", name="Drop it").click()


def _shoot(row: Locator, name: str, shade: str) -> None:
    row.screenshot(path=FOLDER / f"claim-{name}{shade}.png", animations="allow")
    print(f"docs/screenshots/claim-{name}{shade}.png", flush=True)


if __name__ == "__main__":
    sys.exit(main())
