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


def equals_its_reload(page: Page, sign_in: SignIn) -> None:
    """The log on ``page`` comes to show what it shows to somebody who opens it now.

    Timers and retries of what happened before change rows, so what was read once would grow old.
    """
    fresh = sign_in("operator", "/events/")
    differing: list[tuple[str, str]] = []

    def equal() -> bool:
        fresh.reload()
        wanted, shown = log_rows(fresh), log_rows(page)
        # The page that was open keeps more rows than a fresh one begins with.
        differing[:] = [pair for pair in zip(wanted, shown, strict=False) if len(set(pair)) > 1]
        return 0 < len(wanted) <= len(shown) and not differing

    try:
        eventually(equal, within=180)  # what waits is counted once a second, so some may be left
    except AssertionError as late:
        raise AssertionError(f"A reload shows, and the page: {differing[:3]}") from late


def settled(site: Site) -> bool:
    return all(row["waiting"] == 0 for row in site.api("/processors", user="operator"))


def test_after_a_burst_the_log_equals_its_reload(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    site.manage("traffic", "--orders", "60", "--rate", "0", "--mix", "happy")
    eventually(lambda: settled(site))
    equals_its_reload(page, sign_in)
