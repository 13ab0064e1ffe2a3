"""What holds on every page: both themes, wide and narrow, by keyboard, without script, offline."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import ConsoleMessage, Page, ViewportSize, expect

from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser

PAGES = {
    "customer": ("/shop/", "/shop/outbox/", "/lab/lessons/ripple/", "/lab/glossary/", "/account/"),
    "operator": (
        "/",
        "/timeline/?window=300",
        "/timeline/?selected={position}",
        "/events/",
        "/events/{position}/",
        "/events/?type=NoSuch",
        "/traces/",
        "/traces/{trace}/",
        "/traces/{trace}/?delivery={delivery}",
        "/traces/{trace}/?view=graph",
        "/traces/{trace}/?view=sequence",
        "/traces/compare/?a={trace}",
        "/traces/compare/?a={trace}&b={other}",
        "/flow/",
        "/flow/?node=processor:payment",
        "/processors/",
        "/processors/payment/",
        "/processors/?pause=payment",
        "/dead-letters/",
        "/replay/",
        "/audit/",
        "/catalog/",
        "/catalog/OrderCreated/",
        "/design-review/",
        "/search/?q=order",
        "/no/such/page/",
    ),
    "teacher": ("/lab/faults/", "/lab/class/", "/lab/lessons/retries/"),
}
# Further rows are like the first ones, and looking at all of them takes most of the time.
PART = {"exclude": [["tbody > tr:nth-child(n+9)"], [".ev:nth-of-type(n+6)"]]}
AXE = Axe().axe_script
RUN = "async ([part, rules]) => (await axe.run(part, rules)).violations"
RULES = {"resultTypes": ["violations"]}
# Each width in one theme: colours do not depend on widths.
Look = tuple[ViewportSize, Literal["light", "dark"]]
LOOKS: tuple[Look, ...] = (
    ({"width": 1440, "height": 900}, "light"),
    ({"width": 390, "height": 844}, "dark"),
)


@pytest.fixture(scope="module")
def stored(site: Site) -> dict[str, str]:
    """A log with a good order, a retried one and a dead letter; what to put into addresses."""
    other, retried = site.order(), site.order(scenario="provider_down")
    site.order(scenario="poison")
    eventually(lambda: site.status(other) == "confirmed")
    eventually(lambda: site.status(retried) == "confirmed")
    eventually(lambda: site.processor("payment")["dead"] > 0)
    told = site.manage("shell", "-v0", "-c", _LOOK.format(retried=retried, other=other))
    return dict(zip(("trace", "position", "delivery", "other"), told.split(), strict=True))


_LOOK = """
from flowdeck.models import Delivery
one = Delivery.objects.select_related("event").filter(event__stream="order-{retried}")
paid = one.get(processor="payment", event__type="OrderCreated")
other = one.model.objects.filter(event__stream="order-{other}").first()
print(paid.event.correlation_id, paid.event_id, paid.name, other.event.correlation_id)
"""


def opened(page: Page, url: str) -> list[str]:
    """Open an address; what the console has to complain about it."""
    said: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type == "error":
            said.append(message.text)

    page.on("console", listen)
    answer = page.goto(url)
    assert answer is not None
    assert answer.ok or "/no/such/" in url, url
    expect(page.locator("#main, main")).to_be_visible()
    if page.locator("[data-live-view]").count():
        expect(page.locator(".conn")).to_have_attribute("data-state", "live")
    page.remove_listener("console", listen)
    return [text for text in said if not text.startswith("Failed to load resource")]


@pytest.mark.parametrize("looks", [LOOKS[:1], pytest.param(LOOKS[1:], marks=pytest.mark.long)])
@pytest.mark.parametrize(
    "user",
    ["customer", "teacher", pytest.param("operator", marks=pytest.mark.long)],
)
def test_axe_finds_nothing_on_any_page_wide_or_narrow_light_or_dark(
    user: str, looks: tuple[Look, ...], sign_in: SignIn, site: Site, stored: dict[str, str]
) -> None:
    page = sign_in(user, "/account/", reduced_motion="reduce")
    found: dict[str, object] = {}
    for path in PAGES[user]:
        complaints = opened(page, site.url + path.format(**stored))
        if complaints:
            found[f"{path} console"] = complaints
        page.evaluate(AXE)
        for size, theme in looks:
            page.set_viewport_size(size)
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            report = page.evaluate(RUN, [PART, RULES])
            if report:
                targets = [(v["id"], [n["target"] for n in v["nodes"]][:3]) for v in report]
                found[f"{path} {theme} {size['width']}"] = targets
        page.set_viewport_size(LOOKS[-1][0])
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > LOOKS[-1][0]["width"]:
            found[f"{path} sideways"] = width
        if moving := page.evaluate(MOVING):
            found[f"{path} moves"] = moving
        page.set_viewport_size(LOOKS[0][0])
    assert found == {}


MOVING = """() => document.getAnimations().filter(a => a.playState === "running")
  .map(a => a.animationName + " of " + a.effect.target.className)
  .concat([...document.querySelectorAll("animateMotion")]
    .filter(a => a.parentElement.getBoundingClientRect().width).map(() => "a dot"))"""


PAPER = {"width": 794, "height": 1123}  # A4 in CSS pixels
INK = "oklch(0.235 0.02 262)"  # --text of the light theme
CONTROLS = ".nav, .conn, .search, main button, main .btn"
UNMARKED = """() => [...document.querySelectorAll('[aria-selected="true"], [aria-current]')]
  .filter(e => e.getClientRects().length && !e.closest("svg, .tabs"))
  .filter(e => getComputedStyle(e).outlineStyle === "none").map(e => e.outerHTML.slice(0, 80))"""


@pytest.mark.long
@pytest.mark.parametrize("user", PAGES)
def test_pages_can_be_printed_and_read_in_the_few_colours_of_high_contrast(
    user: str, sign_in: SignIn, site: Site, stored: dict[str, str]
) -> None:
    page = sign_in(user, "/account/", color_scheme="dark")
    page.set_viewport_size(PAPER)
    found: dict[str, object] = {}
    for path in PAGES[user]:
        page.goto(site.url + path.format(**stored))
        page.emulate_media(media="print", color_scheme="dark")
        expect(page.locator("h1").first).to_be_visible()
        if seen := page.locator(CONTROLS).locator("visible=true").count():
            found[f"{path} controls"] = seen
        if (width := page.evaluate("document.documentElement.scrollWidth")) > PAPER["width"]:
            found[f"{path} sideways"] = width
        if (dark := page.evaluate("getComputedStyle(document.body).color")) != INK:
            found[f"{path} dark"] = dark
        page.emulate_media(media="screen", forced_colors="active")
        if unmarked := page.evaluate(UNMARKED):
            found[f"{path} chosen is told by its ground alone"] = unmarked
        page.emulate_media(media="screen", forced_colors="none")
    assert found == {}


def test_by_keyboard_alone_from_the_timeline_to_why_an_order_took_long(
    sign_in: SignIn, site: Site, stored: dict[str, str]
) -> None:
    page = sign_in("operator", "/account/")
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    press("?")
    expect(page.locator("#keymap")).to_be_visible()
    press("Escape")
    expect(page.locator("#keymap")).to_be_hidden()
    press("g")
    press("t")
    page.wait_for_url("**/timeline/**")
    press(".")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    press("j")
    expect(page.locator("#drawer h2")).to_be_visible()
    press("Escape")
    expect(page.locator("#drawer h2")).to_have_count(0)
    expect(page.locator("#log-rows a:focus")).to_have_count(1)
    press("j")
    press("c")
    page.wait_for_url("**correlation=**")
    press("/")
    page.keyboard.type(stored["trace"])
    press("Enter")
    page.wait_for_url(f"**/traces/{stored['trace']}/**")
    page.get_by_role("treeitem").first.focus()
    press("ArrowDown")
    press("Enter")
    expect(page.locator("#trace-drawer h2")).to_be_visible()
    expect(page.locator(".conn")).to_have_attribute("data-state", "live")
    press("Escape")
    expect(page.locator("#trace-drawer h2")).to_have_count(0)
    page.get_by_role("link", name="Causal graph").focus()
    press("Enter")
    expect(page.get_by_role("group", name="Causal graph")).to_be_visible()
    expect(page.locator(".graph")).to_contain_text("4 attempts")


def test_without_script_pages_show_their_content_and_forms_work(
    sign_in: SignIn, site: Site, stored: dict[str, str]
) -> None:
    page = sign_in("operator", "/account/", java_script_enabled=False)
    empty = {}
    for path in PAGES["operator"]:
        page.goto(site.url + path.format(**stored))
        words = page.locator("main").inner_text().split()
        if len(words) < 8 or page.locator("button.js-only:visible").count():
            empty[path] = words
    assert empty == {}
    page.goto(f"{site.url}/events/")
    page.locator("summary", has_text="Filter").click()
    page.get_by_label("Type", exact=True).fill("PaymentProcessed")
    page.keyboard.press("Enter")
    expect(page.locator("#log-rows > tr").first).to_contain_text("PaymentProcessed")
    page.locator("#q").fill(stored["trace"])
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/traces/{stored['trace']}/**")
    page.get_by_role("link", name="Compare…").click()
    page.get_by_label("Correlation id").fill(stored["other"])
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("tr.differs").first).to_be_visible()
    page.goto(f"{site.url}/processors/?pause=sales")
    page.get_by_label("Why?").fill("to see that it works")
    page.get_by_role("button", name="Pause sales").click()
    page.goto(f"{site.url}/processors/?resume=sales")
    page.get_by_role("button", name="Resume sales").click()
    expect(page.locator("#processor-sales")).not_to_contain_text("paused")


def test_offline_is_said_and_comes_back_without_a_reload(
    sign_in: SignIn, site: Site, stored: dict[str, str]
) -> None:
    page = sign_in("operator", "/timeline/")
    pill = page.locator(".conn")
    expect(pill).to_have_attribute("data-state", "live")
    page.context.set_offline(True)
    expect(pill).to_have_attribute("data-state", re.compile("offline|reconnecting"))
    expect(page.locator("#log-rows > tr").first).to_be_visible()
    order = site.order()
    page.context.set_offline(False)
    expect(pill).to_have_attribute("data-state", "live", timeout=30_000)
    row = page.locator("#log-rows > tr", has_text=f"order-{order}#1")
    expect(row).to_be_visible(timeout=10_000)


def test_a_trace_is_looked_at_from_three_sides_and_compared(
    sign_in: SignIn, site: Site, stored: dict[str, str]
) -> None:
    page = sign_in("operator", "/account/", permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/events/{stored['position']}/")
    page.get_by_role("button", name="Copy the envelope as JSON").click()
    expect(page.locator(".toast")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith('{\n  "position"')
    page.goto(f"{site.url}/traces/{stored['trace']}/")
    expect(page.locator("#trace-head")).to_contain_text("after 3 retries")
    page.get_by_role("link", name="Sequence").click()
    expect(page.locator(".seq")).to_contain_text("attempt 3 GatewayUnavailable")
    with page.expect_response("**/mermaid/") as answer:
        page.get_by_role("link", name="As Mermaid text").click()
    assert answer.value.text().startswith("sequenceDiagram")
    page.goto(f"{site.url}/traces/compare/?a={stored['other']}&b={stored['trace']}")
    payment = page.locator("tr", has=page.get_by_role("rowheader", name="payment", exact=True))
    expect(payment).to_have_class("differs")
