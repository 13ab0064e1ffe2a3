"""A site full of hostile text in a real browser: it is shown, and nothing of it runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.people import SignIn
from tests.site import Site, free_port

pytestmark = [pytest.mark.browser, pytest.mark.long]

_FILL = """
import json
from django.utils import timezone
from flowdeck.models import AlertRule
from tests import every_page, hostile
made = hostile.fill(hostile.MARKUP)
AlertRule.objects.update(firing_since=timezone.now(), value=2)
files = ("flowdeck:export_trace", "flowdeck:audit_export")
pages = every_page.pages(made["event"], hostile.values(made))
print(json.dumps([path for name in pages if name not in files for path in pages[name][:2]]))
"""
_PUBLISH = """
from flowdeck import publish
from events.domain_events import OrderCancelled
from tests import hostile
told = OrderCancelled(order_id=1, user_id=1, reason=hostile.MARKUP)
publish(told, stream="<img/src=x/onerror=alert(4)>")
"""
# Whatever a text of tests/hostile.py would do is one of these.
_WATCH = """
window.ran = [];
for (const name of ["alert", "confirm", "prompt"]) window[name] = (said) => window.ran.push(said);
document.addEventListener("securitypolicyviolation", (event) =>
  window.ran.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
_HARM = """() => window.ran.concat(
  [...document.querySelectorAll("img[src='x'], a[href^='javascript:' i], [onerror]")]
    .map((element) => element.outerHTML))"""
_ADMIN = ("event", "deadletter", "savedview", "auditentry", "alertrule")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own: its tables are filled past all checks, which others would not like."""
    home = Path(os.environ["FLOWDECK_HOME"]) / "hostile"
    with Site.started(home, free_port(), WORKERS="1") as running:
        yield running


def harm(page: Page, url: str) -> list[str]:
    """What ran, was refused by the CSP, or is markup that was text, once the page is there."""
    answer = page.goto(url)
    assert answer is not None
    assert answer.status in (200, 403, 404), url  # the class is a teacher's; no such type is known
    if page.locator("[data-live-view]").count():
        expect(page.locator(".conn")).to_have_attribute("data-state", "live")
    return [str(one) for one in page.evaluate(_HARM)]


def test_every_page_shows_it_and_nothing_runs(sign_in: SignIn, site: Site) -> None:
    paths = json.loads(site.manage("shell", "-v0", "-c", _FILL))
    page = sign_in("operator", "/account/")
    page.context.add_init_script(_WATCH)
    found, shown = {}, 0
    for path in [*paths, *(f"/admin/flowdeck/{model}/" for model in _ADMIN)]:
        if harmful := harm(page, site.url + path):
            found[path] = harmful
        shown += "alert(1)" in page.content()
    assert found == {}
    assert shown > len(paths) / 3
    page.goto(f"{site.url}/events/")
    site.manage("shell", "-v0", "-c", _PUBLISH)
    expect(page.locator("#log-rows")).to_contain_text("onerror=alert(4)")
    assert page.evaluate(_HARM) == []
