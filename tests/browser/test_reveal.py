"""An operator has to see what is masked."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.people import SignIn
from tests.site import Site

pytestmark = pytest.mark.browser


def test_an_operator_reveals_personal_data(sign_in: SignIn, site: Site) -> None:
    site.order()
    page = sign_in("operator", "/events/?type=OrderCreated")
    page.locator("#log-rows > [id^=event-] a").first.click()
    drawer = page.locator("#drawer")
    expect(drawer.get_by_text("••••")).to_be_visible()
    drawer.get_by_label("Why you have to see personal data").fill("the customer called")
    drawer.get_by_role("button", name="Reveal").click()
    expect(drawer.locator(".json")).to_contain_text("customer@example.org")
    page.goto(f"{site.url}/audit/")
    expect(page.locator("main")).to_contain_text("the customer called")
