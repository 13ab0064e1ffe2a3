"""No page and no live fragment depends on the language: its figures are places in drawings, too."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.template import RequestContext, Template
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize

from flowdeck.dashboard.shell.rendering import render_to_string
from flowdeck.extend import render
from flowdeck.models import Event
from tests import every_page
from tests.flowdeck.test_every_page import record
from tests.guarantees.matrix import looks

_MARKS = "\N{ARABIC DECIMAL SEPARATOR}\N{ARABIC THOUSANDS SEPARATOR}"
_PLACES = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height"}
_PLACE = re.compile(r"-?(\d+(\.\d+)?|\.\d+)%?")
_ABOUT = 4  # filters of a page that are looked at


class Drawings(HTMLParser):
    """What stands where a drawing wants a number, and is none."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.places = 0
        self._inside = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside += tag == "svg"
        for name, value in attrs if self._inside else ():
            if name in _PLACES:
                self.places += 1
                if not _PLACE.fullmatch(value or ""):
                    self.wrong.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "svg"


@pytest.fixture
def language(request: Any, settings: Any) -> str:
    settings.LANGUAGE_CODE = request.param
    settings.FORMAT_MODULE_PATH = "tests.formats"
    settings.USE_THOUSAND_SEPARATOR = True
    assert localize(1234.5) == "1{1}2{1}3{1}4{0}5".format(*_MARKS)  # the language is in force
    return str(request.param)


def told(client: Client, path: str) -> str:
    answer = client.get(path)
    return "" if answer.streaming else answer.content.decode()


def texts(client: Client) -> dict[str, str]:
    """Every page and every live view, as it is told."""
    found = {
        path: told(client, path) for paths in every_page.pages().values() for path in paths[:_ABOUT]
    }
    asked = list(looks.live_views(str(Event.objects.latest("position").correlation_id)).values())
    for place in range(0, len(asked), 8):
        some = asked[place : place + 8]
        answer = client.get(reverse("flowdeck:live_regions"), {"view": some}).json()
        found[f"live {', '.join(some)}"] = answer["html"]
    found["sign in"] = told(Client(), "/accounts/login/")
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "language", ["de", pytest.param("ar", marks=pytest.mark.long)], indirect=True
)
def test_no_number_is_written_as_the_language_does(language: str) -> None:
    call_command("seed_demo")
    record(4)
    found = texts(every_page.administrator())
    marked = {path: _around(text) for path, text in found.items() if set(text) & set(_MARKS)}
    assert marked == {}
    drawn = {path: Drawings(text) for path, text in found.items()}
    assert {path: one.wrong for path, one in drawn.items() if one.wrong} == {}
    assert sum(one.places for one in drawn.values()) > 500


def _around(text: str) -> str:
    at = min(text.index(mark) for mark in _MARKS if mark in text)
    return text[max(0, at - 80) : at + 20]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["ar"], indirect=True)
def test_what_the_project_shows_around_pages_stays_in_its_language(language: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES["flowdeck-theme"] = ""
    page = Template(
        '{% extends "flowdeck/base.html" %}{% block content %}{{ mine }}{% endblock %}'
        "{% block host_header %}{{ mine }}{% endblock %}"
    )
    context = RequestContext(request, {"mine": 12})
    assert page.render(context).count("1\N{ARABIC THOUSANDS SEPARATOR}2") == 2
    assert 'dir="ltr"' in page.render(context)


@pytest.mark.django_db
def test_times_are_utc_until_the_page_puts_them_into_its_readers_zone(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    rule = {"pk": 1, "is_muted": True, "muted_until": timezone.now(), "value": 1}
    with timezone.override("America/Lima"):
        assert " UTC<" in render_to_string("flowdeck/alerts/_live_state.html", {"rule": rule})
        shown = render(RequestFactory().get("/"), "flowdeck/alerts/_state.html", {"rule": rule})
    assert b" UTC<" in shown.content


def test_templates_use_the_librarys_own_figures() -> None:
    """Some filters of Django ask for the language by themselves."""
    templates = Path(__file__).resolve().parents[2]
    used = {
        str(path.relative_to(templates))
        for folder in ("flowdeck/templates", "templates")
        for path in (templates / folder).rglob("*.html")
        if re.search(
            r"\|(floatformat|filesizeformat|intcomma|date:\"[^\"]*[DFMNlb])", path.read_text()
        )
    }
    assert used == set()


def test_pages_are_rendered_by_the_librarys_own_function() -> None:
    root = Path(__file__).resolve().parents[2]
    around = re.compile(r"shortcuts import [^\n]*\brender\b|import render_to_string$", re.MULTILINE)
    passed_by = [
        str(path.relative_to(root))
        for folder in ("flowdeck/dashboard", "events", "lab")
        for path in (root / folder).rglob("*.py")
        if around.search(path.read_text().replace("rendering import render_to_string", ""))
    ]
    assert passed_by == []
