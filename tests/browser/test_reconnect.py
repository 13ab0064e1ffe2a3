"""The line breaks while a thousand events come: the page catches up, and says what is wrong."""

from __future__ import annotations

import pytest
import redis
from playwright.sync_api import Page, expect

from tests.guarantees.test_live_equals_reload import log_rows, settled
from tests.people import SignIn
from tests.polling import eventually
from tests.site import Site

pytestmark = pytest.mark.browser

ORDERS = "200"  # five events each


def says(page: Page, state: str, within: float = 20.0) -> None:
    pill = page.locator('[data-behaviour~="connection"]').first
    expect(pill).to_have_attribute("data-state", state, timeout=within * 1000)


def a_thousand_events(site: Site) -> None:
    site.manage("traffic", "--orders", ORDERS, "--rate", "0", "--mix", "happy", "--restock", "500")


def all_settled(site: Site) -> None:
    def quiet() -> bool:
        try:
            return settled(site)
        except OSError:
            return False  # the web process is just starting

    eventually(quiet, within=90, every=0.3)


def equals_its_reload(page: Page, sign_in: SignIn) -> None:
    """Within two seconds, in order, nothing twice."""
    fresh = sign_in("operator", "/events/")
    wanted = log_rows(fresh)
    assert len(wanted) == 100
    eventually(lambda: log_rows(page)[: len(wanted)] == wanted, within=2)
    positions = [int(row.split()[0].removeprefix("event-")) for row in log_rows(page)]
    assert positions == sorted(set(positions), reverse=True)


def kill(site: Site, part: str) -> None:
    found = [one for one in site.processes() if part in " ".join(one.cmdline())]
    assert found, part
    for process in found:
        process.kill()


def test_redis_dies_and_comes_back_empty(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    redis.Redis(unix_socket_path=str(site.home / "redis.sock")).shutdown(nosave=True)
    a_thousand_events(site)
    all_settled(site)
    says(page, "live")
    equals_its_reload(page, sign_in)


def test_the_web_process_is_started_anew(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    kill(site, "eda_site.run.web")
    says(page, "reconnecting")
    a_thousand_events(site)
    all_settled(site)
    says(page, "live")
    equals_its_reload(page, sign_in)


def test_the_network_is_gone_for_long(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    page.context.set_offline(True)
    says(page, "offline")
    expect(page.locator("html")).to_have_attribute("data-stale", "")
    a_thousand_events(site)
    all_settled(site)
    page.context.set_offline(False)
    says(page, "live")
    equals_its_reload(page, sign_in)


def test_signing_out_elsewhere_is_not_a_broken_line(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    says(page, "live")
    other = page.context.new_page()
    other.goto(f"{site.url}/account/")
    other.evaluate(
        "fetch('/accounts/logout/', {method: 'POST', headers: {'X-CSRFToken':"
        " document.querySelector('[name=csrfmiddlewaretoken]').value}})"
    )
    says(page, "signed-out")
