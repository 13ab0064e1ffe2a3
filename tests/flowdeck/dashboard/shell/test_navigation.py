"""What stands in the navigation, for whom, and which entry is lit."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from flowdeck.dashboard.shell.navigation import TABS, navigation
from tests.accounts import person

pytestmark = pytest.mark.django_db


def shown(user: object, path: str = "/", **cookies: str) -> tuple[list[str], list[str]]:
    request = RequestFactory().get(path)
    request.user = user
    request.COOKIES.update(cookies)
    items = [item for section in navigation(request)["nav_sections"] for item in section["items"]]
    return [i["label"] for i in items], [i["label"] for i in items if i["active"]]


def test_only_what_one_may_open() -> None:
    assert "Event log" not in shown(person("customer"))[0]
    assert {"Event log", "Traces", "Processors"} <= set(shown(person("operator"))[0])
    assert shown(AnonymousUser())[0] == []


def test_the_most_exact_address_is_lit() -> None:
    user = person("operator")
    assert shown(user, "/shop/")[1] == ["Shop"]
    assert shown(user, "/shop/outbox/")[1] == ["Outbox"]
    assert shown(user, "/events/17/")[1] == ["Event log"]


def test_a_theme_of_ones_own_making_is_ignored() -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    request.COOKIES["flowdeck-theme"] = '"><script>'
    assert navigation(request)["theme"] == ""


def test_a_narrow_screen_has_five_tabs() -> None:
    def tabs(user: object) -> list[str]:
        request = RequestFactory().get("/")
        request.user = user
        sections = navigation(request)["nav_sections"]
        return [item["label"] for one in sections for item in one["items"] if item["tab"]]

    customer = tabs(person("customer"))
    assert tabs(person("operator")) == ["Overview", "Shop", "Timeline", "Traces", "Dead letters"]
    assert len(customer) <= TABS
    assert "Outbox" in customer
