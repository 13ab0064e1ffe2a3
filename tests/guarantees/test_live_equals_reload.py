"""Invariant 7: what a page shows is within two seconds what a reload of it would show.

Whole pages in a real Chromium, beside real traffic and real faults; the feed alone is tested in
``tests/flowdeck/live``.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser


def log_rows(page: Page) -> list[str]:
    """Position and states of the deliveries of each row of the log, from the top."""
    return page.locator("#log-rows > *").evaluate_all(
        "rows => rows.map(row => row.id + ' ' +"
        " [...row.querySelectorAll('[aria-label]')].map(m => m.ariaLabel).join(','))"
    )


def settled(site: Site) -> bool:
    return all(row["waiting"] == 0 for row in site.api("/processors", user="operator"))


def test_after_a_burst_the_log_equals_its_reload(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    site.manage("traffic", "--orders", "60", "--rate", "0", "--mix", "happy")
    fresh = sign_in("operator", "/events/")

    def shows_what_a_reload_shows() -> bool:
        # The page that was open keeps more rows than a fresh one begins with.
        wanted = log_rows(fresh)
        return bool(wanted) and log_rows(page)[: len(wanted)] == wanted

    eventually(lambda: settled(site))
    eventually(lambda: fresh.reload() and shows_what_a_reload_shows())
