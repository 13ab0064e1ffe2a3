"""The line breaks while a thousand events come: the page catches up, and says what is wrong."""

from __future__ import annotations

import pytest
import redis
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.guarantees.test_live_equals_reload import equals_its_reload, log_rows, settled
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

    eventually(quiet, within=180, every=0.3)


def catches_up(page: Page, sign_in: SignIn) -> None:
    """With what a reload shows, in order, nothing twice."""
    equals_its_reload(page, sign_in)
    rows = eventually(lambda: found if len(found := log_rows(page)) >= 100 else None)
    positions = [int(row.split()[0].removeprefix("event-")) for row in rows]
    assert positions == sorted(set(positions), reverse=True)


def kill(site: Site, part: str) -> None:
    found = [one for one in site.processes() if part in " ".join(one.cmdline())]
    assert found, part
    for process in found:
        process.kill()


@pytest.mark.long
def test_redis_dies_and_comes_back_empty(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    redis.Redis(unix_socket_path=str(site.home / "redis.sock")).shutdown(nosave=True)
    a_thousand_events(site)
    all_settled(site)
    says(page, "live")
    catches_up(page, sign_in)


def test_the_web_process_is_started_anew(sign_in: SignIn, site: Site) -> None:
    page = sign_in("operator", "/events/")
    says(page, "live")
    kill(site, "eda_site.serve")
    says(page, "reconnecting")
    a_thousand_events(site)
    all_settled(site)
    says(page, "live")
    catches_up(page, sign_in)


@pytest.mark.long
def test_the_laptop_slept_and_nobody_told_the_page_that_its_line_is_dead(
    sign_in: SignIn, site: Site
) -> None:
    page = sign_in("operator", "/events/")
    lines: list[bool] = []  # which of the page's sockets still carry messages

    def line(socket: WebSocketRoute) -> None:
        server, number = socket.connect_to_server(), len(lines)
        lines.append(True)
        socket.on_message(lambda text: server.send(text) if lines[number] else None)
        server.on_message(lambda text: socket.send(text) if lines[number] else None)

    page.route_web_socket("**/ws/live/", line)
    page.reload()
    says(page, "live")
    lines[0] = False  # no close, no error: as after a sleep, or behind a dead router
    a_thousand_events(site)
    all_settled(site)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # it is opened again
    eventually(lambda: page.title() and len(lines) > 1)
    says(page, "live")
    catches_up(page, sign_in)


LISTS = {
    ("operator", "/timeline/"): "#log-rows > tr",
    ("operator", "/traces/"): "#trace-rows > tr",
    ("operator", "/processors/"): ".procs tbody tr[id^=processor-]",
    ("customer", "/shop/"): "#orders > li[id^=order-]",
}
FACTS = """rows => rows.slice(0, 100).map(row => [row.id,
  ...[...row.querySelectorAll("[role=img][aria-label]")].map(mark => mark.ariaLabel)].join(" "))"""


def facts(page: Page, rows: str) -> list[str]:
    """The first rows of a list, with their states but without times."""
    return list(page.locator(rows).evaluate_all(FACTS))


def comes_to_show(page: Page, rows: str, wanted: list[str]) -> None:
    eventually(lambda: facts(page, rows) == wanted)


@pytest.mark.long
def test_the_network_is_gone_for_long_on_pages_of_all_kinds(sign_in: SignIn, site: Site) -> None:
    open_pages = {where: sign_in(*where) for where in LISTS}
    for page in open_pages.values():
        says(page, "live")
        page.context.set_offline(True)
    for page in open_pages.values():
        says(page, "offline")
        expect(page.locator("html")).to_have_attribute("data-stale", "")
    a_thousand_events(site)
    for _ in range(4):
        site.order()
    all_settled(site)
    for (user, path), page in open_pages.items():
        wanted = facts(sign_in(user, path), LISTS[user, path])
        assert len(wanted) == len({row.split()[0] for row in wanted}) > 3
        assert facts(page, LISTS[user, path]) != wanted or path == "/processors/"
        page.context.set_offline(False)
        says(page, "live")
        comes_to_show(page, LISTS[user, path], wanted)


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
