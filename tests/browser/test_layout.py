"""Pages hold still under the pointer, and nothing that is needed is beyond their edge."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser

REASON = "The books are closed until Thursday evening at the latest, see the note of the auditors"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(autouse=True, scope="module")
def _work_is_done(site: Site) -> None:
    order = site.order()
    eventually(lambda: site.status(order) == "confirmed", within=120, every=0.5)


def right_edge(page: Page, selector: str) -> float:
    """Of what is farthest to the right, in pixels."""
    found = page.locator(selector).evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().right)"
    )
    assert found, selector
    return float(max(found))


def widths(page: Page, table: str) -> list[int]:
    return list(
        page.locator(f"{table} th").evaluate_all(
            "all => all.map(one => Math.round(one.getBoundingClientRect().width))"
        )
    )


def test_columns_of_the_log_hold_still_while_rows_come(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    pill = page.locator('[data-behaviour~="connection"]').first
    expect(pill).to_have_attribute("data-state", "live")  # what came before comes with the page
    before = widths(page, ".log")
    site.order()
    expect(page.locator("#log-rows > tr.enter").first).to_be_attached()
    assert widths(page, ".log") == before
    assert sum(before) >= page.locator(".logscroll").evaluate("one => one.clientWidth") - 1


def test_traces_do_not_move_under_the_pointer(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/traces/")
    row = page.locator("#trace-rows > tr").first
    row.hover()
    name, top = row.get_attribute("id"), row.bounding_box()
    assert top is not None
    before = widths(page, ".traces")
    order = site.order()
    pill = page.locator("#traces-new")
    expect(pill).to_be_visible()
    # What is there goes on.
    expect(page.locator(f"#{name} td").nth(2)).to_contain_text("done", timeout=60_000)
    assert page.locator("#trace-rows > tr").first.bounding_box() == top
    assert page.locator("#trace-rows > tr").first.get_attribute("id") == name
    assert widths(page, ".traces") == before
    pill.click()
    expect(page.locator("#trace-rows > tr").first).to_contain_text(str(order))
    expect(pill).to_be_hidden()


def test_a_paused_processor_can_be_resumed_without_scrolling(sign_in: SignIn) -> None:
    page = sign_in("operator", "/processors/?pause=sales")
    page.locator("#drawer, aside").locator("[name=reason]").fill(REASON)
    page.get_by_role("button", name="Pause sales").click()
    resume = page.get_by_role("link", name="Resume sales")
    expect(resume).to_be_visible()
    assert right_edge(page, "[id='processor-sales'] .btn") <= 1440
    assert "auditors" in (page.locator(".paused").get_attribute("title") or "")
    resume.click()
    page.get_by_role("button", name="Resume sales").click()
    expect(page.locator(".paused")).to_have_count(0)


def test_the_teacher_sees_every_tab_and_their_name_whatever_is_switched_on(
    sign_in: SignIn,
) -> None:
    page = sign_in("teacher", "/lab/faults/")
    for number in range(5):
        page.locator(".lab-fault button[type=submit]").nth(number).click()
        expect(page.locator(".lab-set li")).to_have_count(number + 1)
    side = right_edge(page, ".lab-side")
    for path in ("/lab/faults/", "/lab/class/"):
        page.goto(f"{page.url.split('/lab/')[0]}{path}")
        expect(page.locator(".lab-side .tabs > a").last).to_have_text("Class")
        assert right_edge(page, ".lab-side .tabs > a") <= side
    box = page.locator(".nav .foot > :last-child").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 900
    page.get_by_role("button", name="End all").click()


def test_a_past_minute_is_shown_whole(sign_in: SignIn) -> None:
    page = sign_in("operator", "/flow/past/")
    said, drawing = page.locator("[data-said]"), page.locator("#flow-drawing")
    below, box = said.bounding_box(), drawing.bounding_box()
    assert below is not None
    assert box is not None
    assert box["y"] - (below["y"] + below["height"]) < 20
    assert drawing.evaluate("one => one.scrollHeight <= one.clientHeight")


_CARDS = ("/traces/", "/processors/", "/alerts/", "/audit/", "/events/", "/timeline/")
_SCROLLED = ("/catalog/", "/flow/", "/replay/", "/database/", "/account/")


def test_phones_lose_no_column(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/traces/")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    for path in (*_CARDS, *_SCROLLED):
        page.goto(f"{site.url}{path}")
        cells = ".tbl:is(.cards, .log) > tbody > tr > td" if path in _CARDS else ".tbl td"
        assert path in _SCROLLED or right_edge(page, cells) <= PHONE["width"], path
        hidden = page.locator(cells).evaluate_all(
            "all => all.filter(one => one.textContent.trim() && !one.offsetWidth).length"
        )
        assert hidden == 0, path
    page.goto(f"{site.url}/traces/")
    expect(page.locator("#trace-rows > tr").first).to_contain_text("OrderCreated")
    page.goto(f"{site.url}/flow/past/")
    edge = page.locator("[data-clock]").bounding_box()
    slider = page.locator("[data-moment]").bounding_box()
    assert edge is not None
    assert slider is not None
    beside = edge["x"] >= slider["x"] + slider["width"] or slider["x"] >= edge["x"] + edge["width"]
    above = edge["y"] >= slider["y"] + slider["height"] or slider["y"] >= edge["y"] + edge["height"]
    assert beside or above
    assert slider["x"] + slider["width"] <= PHONE["width"]
