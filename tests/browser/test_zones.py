"""Times are the reader's: a browser in New York and one in Berlin look at the same pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from flowdeck import words
from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser

_ZONES = {"America/New_York": "UTC-5", "Europe/Berlin": "UTC+1"}
_TIMES = """() => [...document.querySelectorAll("[data-form]")].map((one) => [
    one.dataset.form, one.dataset.at ?? one.dateTime, one.textContent, one.title])"""


def written(form: str, at: datetime, zone: str, name: str) -> str | None:
    """How a time is written in a zone; None for what is counted instead."""
    local = at.astimezone(ZoneInfo(zone))
    texts = {
        "clock": f"{words.day(local)}{local:%H:%M:%S}.{local.microsecond // 1000:03d}",
        "moment": words.moment(local.replace(tzinfo=None)) + f" {name}",
        "hour": words.hour(local),
        "time": words.time_of_day(local),
    }
    return texts.get(form)


def wrong(page: Page, zone: str, name: str) -> Iterable[tuple[str, ...]]:
    """Times of the page that are not those of the zone; there are some that are."""
    found = page.evaluate(_TIMES)
    assert found, page.url
    for form, iso, text, title in found:
        at = datetime.fromisoformat(iso)
        if text.strip() != (written(form, at, zone, name) or text.strip()):
            yield page.url, form, iso, text
        if title and title != written("moment", at, zone, name):
            yield page.url, "title", iso, title


@pytest.mark.django_db  # what is today is asked of the database's clock
def test_two_readers_see_their_own_times_of_one_event_also_live(
    sign_in: SignIn, site: Site
) -> None:
    before = site.processor("payment")["dead"]
    site.order(scenario="poison")
    eventually(lambda: site.processor("payment")["dead"] > before)
    pages = {zone: sign_in("operator", "/events/", timezone_id=zone) for zone in _ZONES}
    for page in pages.values():
        expect(page.locator(".conn")).to_have_attribute("data-state", "live")
    order = site.order()
    for zone, page in pages.items():
        row = page.locator("#log-rows > tr", has_text=f"order-{order}#1")
        expect(row).to_be_visible()
        assert [*wrong(page, zone, _ZONES[zone])] == []
        expect(page.get_by_role("button", name=f"Times are {_ZONES[zone]}")).to_be_visible()
        row.locator("a.corr").click()
        for path in (page.url, *(f"{site.url}/{one}/" for one in ("timeline", "dead-letters"))):
            page.goto(path)
            expect(page.locator(".conn")).to_have_attribute("data-state", "live")
            if "timeline" in path:
                site.order()
                expect(page.locator("#log-rows > tr").first).to_be_visible()
            assert [*wrong(page, zone, _ZONES[zone])] == []


@pytest.mark.django_db
def test_utc_is_a_press_away_and_is_kept_and_needs_no_script(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/events/", timezone_id="Europe/Berlin")
    page.get_by_role("button", name="Times are UTC+1").click()
    for _ in range(2):
        expect(page.get_by_role("button", name="Times are UTC", exact=True)).to_be_visible()
        assert [*wrong(page, "UTC", "UTC")] == []
        page.reload()
    plain = sign_in("operator", "/events/", timezone_id="Europe/Berlin", java_script_enabled=False)
    expect(plain.locator(".zone.no-js")).to_have_text("Times are UTC")
    expect(plain.locator(".zone.no-js")).to_be_visible()
    clock = plain.locator("#log-rows time.clock").first
    at = datetime.fromisoformat(clock.get_attribute("datetime") or "").astimezone(UTC)
    expect(clock).to_have_text(written("clock", at, "UTC", "UTC") or "")


def test_a_time_that_is_typed_is_sent_with_its_zone(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/flow/past/", timezone_id="America/New_York", locale="en-US")
    field = page.get_by_label("until")
    expect(field).to_have_value(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d-05:00$"))
    field.fill("2026-07-01 15:05")
    field.press("Enter")
    page.wait_for_url("**until=**")
    assert parse_qs(urlsplit(page.url).query)["until"] == ["2026-07-01 15:05:00-04:00"]
    expect(page.get_by_label("until")).to_have_value("2026-07-01 15:05:00-04:00")
