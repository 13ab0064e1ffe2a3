"""Flowdeck in a project that has pages and names of its own: docs/own_project.md, as it stands.

The project lies in ``host/``, in German: a user model without names and numbers, an app labelled
``events``, a package ``processors``, groups called ``admin`` and ``operator``, ``base.html``,
``404.html``, ``css/base.css``, ``js/main.js``, and what stands for the packages Events and
opensearch-py. All of Flowdeck lives below ``/ops/events/``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.every_page import PAGES
from tests.infra.host_project import Maker

_PREFIX = "/ops/events/"
_OTHERS = ("eda_site", "lab", "tests", "drill", "benchmarks", "docs")
_WORDS = ("shop", "the lab", "payment", "teacher")


Seen = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def seen(make: Maker) -> Seen:
    """What the project that was made so says of itself."""

    @cache
    def asked(way: str) -> dict[str, Any]:
        return make(way).asked(
            {"imports": _IMPORTS, "walk": _WALK, "own": _OWN, "refused": _REFUSED}
        )

    return asked


@pytest.fixture(params=["wheel", pytest.param("editable", marks=pytest.mark.long)])
def way(request: pytest.FixtureRequest) -> str:
    """Both ways to install Flowdeck."""
    return str(request.param)


def test_the_project_passes_its_checks_and_gets_no_file_twice(make: Maker, way: str) -> None:
    said = make(way).manage(
        ("check", "--fail-level", "WARNING"),
        ("makemigrations", "--check"),
        ("shell", "-v0", "-c", _COLLECT),
    )
    assert "no issues (0 silenced)" in said
    assert "No changes detected" in said
    assert "Found another file" not in said
    assert len(re.findall("post-processed", said)) == 2


_COLLECT = """
from django.core.management import call_command
from django.test import override_settings
mixed = {"staticfiles": {"BACKEND": "mysite.static_files.Storage"}}
call_command("collectstatic", interactive=False, verbosity=1)
with override_settings(STORAGES=mixed, STATIC_ROOT="collected/mixed"):
    call_command("collectstatic", interactive=False, verbosity=1)
"""


def test_nothing_comes_but_the_library_and_names_stay_the_projects(
    make: Maker, seen: Seen, way: str
) -> None:
    host = make(way)
    assert seen(way)["imports"] == {
        "others": [],
        "events": str(host.folder / "installed" / "events"),
        "processors": str(host.folder / "processors"),
        "index": "Events",
        "blamed": "events/processors.py:12 in list_concert",
    }


_IMPORTS = f"""
import json, importlib.util, pathlib, events, processors, opensearchpy
from flowdeck.models import Attempt
others = [name for name in {_OTHERS!r} if importlib.util.find_spec(name)]
at = lambda module: str(pathlib.Path(module.__file__).parent)
print(json.dumps({{"others": others, "events": at(events), "processors": at(processors),
                  "index": opensearchpy.Index.__mro__[1].__name__,
                  "blamed": Attempt.objects.filter(outcome="failed").first().frame}}))
"""


def test_every_page_is_there_and_leads_nowhere_but_below_its_prefix(seen: Seen, way: str) -> None:
    walked = seen(way)["walk"]
    assert len(walked) > 20
    wrong: dict[str, object] = {}
    for path, status, text in walked:
        leads = {found for found in re.findall(r'="(/[^"]*)"', text) if not _belongs(found)}
        said = [word for word in _WORDS if word in re.sub("<[^>]*>", " ", text).lower()]
        if status != 200 or leads or said or not path.startswith(_PREFIX):
            wrong[path] = (status, sorted(leads), said)
        if "<!doctype" in text.lower() and 'class="host-bar"' not in text:
            wrong[path] = "the host's header is missing"
    assert wrong == {}


def _belongs(address: str) -> bool:
    statics = address.startswith(("/static/flowdeck/", "/static/django_htmx/"))
    return statics or address.startswith((_PREFIX, "/members/sign-")) or address == "/"


_WALK = f"""
import json
from django.test import Client
from django.urls import get_resolver, reverse
from flowdeck.models import Delivery, Event
from mysite.members.models import Member
event, letter = Event.objects.first(), Delivery.objects.get(state="dead")
values = {{"position": event.position, "correlation_id": event.correlation_id, "name": event.type,
          "stream": event.stream, "number": letter.letter}}
named = {{"processor": letter.processor}}
more = {{"search": "?q=concert", "compare_traces": f"?a={{event.correlation_id}}",
        "timeline": f"?selected={{event.position}}",
        "dead_letters": f"?selected={{letter.letter}}"}}
known = get_resolver("flowdeck.urls").reverse_dict
client, walked = Client(headers={{"host": "localhost"}}), []
client.force_login(Member.objects.get(is_superuser=True))
for name in {sorted(name for name in PAGES if name.startswith("flowdeck:"))}:
    short = name.partition(":")[2]
    wanted = known.getlist(short)[0][0][0][1]
    if "process" in wanted:
        continue  # the project declares none
    given = {{**values, "name": named.get(short, event.type)}}
    path = reverse(name, kwargs={{one: given[one] for one in wanted}}) + more.get(short, "")
    answer = client.get(path, follow=True)
    text = answer.getvalue().decode() if answer.streaming else answer.text
    walked.append((path, answer.status_code, text))
print(json.dumps(walked))
"""


def test_every_page_of_the_project_is_as_it_was(seen: Seen) -> None:
    own = seen("wheel")["own"]
    for _, text in own.values():
        assert "flowdeck" not in text.lower()
        assert re.search("/static/css/base.[0-9a-f]+.css", text)
        assert "theme= demo= notices=" in text
    assert [status for status, _ in own.values()] == [200, 200, 404, 404, 404]
    assert "<p>Erewhon</p>" in own["/events/"][1]
    assert all("The host knows no such page" in text for _, text in list(own.values())[2:])


_OWN = """
import json
from django.test import Client
from mysite.members.models import Member
client = Client(headers={"host": "localhost"})
client.force_login(Member.objects.get(is_superuser=True))
paths = ["/", "/events/", "/no/such/", "/ops/events/no/such/", "/ops/events/events/4711/"]
print(json.dumps({path: (client.get(path).status_code, client.get(path).text) for path in paths}))
"""


def test_groups_of_the_project_give_nothing_and_a_refusal_says_what_would(
    seen: Seen,
) -> None:
    refused = seen("wheel")["refused"]
    assert refused["vera"][0] == 200
    assert refused["nobody"] == [302, "/members/sign-in/?next=/ops/events/timeline/"]
    status, text = refused["bob"]
    assert status == 403
    assert "you need the permission " in text
    assert 'class="host-bar"' in text
    assert f'href="{_PREFIX}account/"' in text


_REFUSED = """
import json
from django.test import Client
from mysite.members.models import Member
seen = {}
for name in ("vera", "bob", "nobody"):
    client = Client(headers={"host": "localhost"})
    if name != "nobody":
        client.force_login(Member.objects.get(email__startswith=name))
    answer = client.get("/ops/events/timeline/")
    seen[name] = (answer.status_code, answer.headers.get("Location") or answer.text)
print(json.dumps(seen))
"""


@pytest.mark.long
def test_mypy_sees_the_librarys_types(make: Maker) -> None:
    host = make("wheel")
    (host.folder / "typed.py").write_text(_TYPED)
    words = ["--strict", "--python-executable", str(host.python), "--cache-dir", "typed"]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *words, "typed.py"],
        cwd=host.folder,
        capture_output=True,
        text=True,
    )
    faults = [line for line in checked.stdout.splitlines() if "error:" in line]
    assert len(faults) == 1, checked.stdout + checked.stderr
    assert 'typed.py:7: error: Argument "stream" to "publish" has incompatible' in faults[0]


_TYPED = """
from flowdeck import Event, publish

class BookLent(Event, version=1):
    book_id: int

publish(BookLent(book_id=1), stream=7)
"""


@pytest.mark.long
@pytest.mark.browser
def test_in_chromium_pages_are_whole_live_and_quiet(
    make: Maker, browser: Browser, shots: Path
) -> None:
    host = make("wheel")
    host.run("manage.py", "collectstatic", "--noinput", "-v0")
    with host.serving() as url:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        faults = _listened_to(page)
        page.goto(url + _PREFIX)
        page.get_by_label("Email").fill("ada@example.org")
        page.get_by_label("Passwort").fill("enter-as-ada")
        page.get_by_role("button", name="Enter").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        for path, _, text in host.asked({"walk": _WALK})["walk"]:
            if "<!doctype" in text.lower():
                _looked_at(page, url + path)
        page.goto(f"{url}{_PREFIX}timeline/")
        expect(page.locator(".conn")).to_have_attribute("data-state", "live")
        host.run("manage.py", "shell", "-v0", "-c", _ANOTHER)
        expect(page.locator("#log-rows > tr").first).to_contain_text("concert-3")
        page.locator('.ev[aria-label*="concert-3"]').first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#drawer h2")).to_contain_text("ConcertAnnounced")
        page.screenshot(path=shots / "host.png")
        page.goto(url)
        expect(page.locator("html")).to_have_attribute("data-host", "loaded")
        expect(page.get_by_role("heading")).to_have_css("color", "rgb(1, 2, 3)")
        page.close()
    assert faults == []


_ANOTHER = """
from flowdeck import publish
from mysite.events.events import ConcertAnnounced
publish(ConcertAnnounced(title="Nowhere"), stream="concert-3")
"""


def _listened_to(page: Page) -> list[str]:
    """What goes wrong on the page from now on."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if _is_fault(said) else None)
    page.on(
        "response",
        lambda got: faults.append(f"{got.status} {got.url}") if got.status >= 400 else None,
    )
    return faults


def _is_fault(said: ConsoleMessage) -> bool:
    # What could not be loaded is in the responses, with its address; the browser's own wish for an
    # icon of the site is not.
    return said.type == "error" and not said.text.startswith("Failed to load resource")


def _looked_at(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".host-bar")).to_be_visible()
    expect(page.locator(".nav .brand")).to_be_visible()
    expect(page.locator("body")).to_have_css("display", "grid")
    if page.locator("[data-live-view]").count():
        expect(page.locator(".conn")).to_have_attribute("data-state", "live")
