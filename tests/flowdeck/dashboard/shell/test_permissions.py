"""Deny by default: who may open which page."""

from __future__ import annotations

import pytest
from django.test import Client

from flowdeck import publish
from tests.accounts import person, signed_in
from tests.probe.events import Probed

PAGES = ["/events/", "/events/1/", "/traces/", "/processors/"]


@pytest.mark.django_db
@pytest.mark.parametrize("url", [*PAGES, "/traces/01a20840-3d68-76da-b03f-b91f80a0149b/", "/"])
def test_visitors_are_sent_to_the_sign_in_page(url: str) -> None:
    response = Client().get(url)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "operator", "teacher", "admin"])
def test_those_with_a_role_may_look(role: str) -> None:
    publish(Probed(n=1), stream="probe-1")
    browser = signed_in(person(role))
    assert [browser.get(url).status_code for url in ("/events/", "/traces/", "/processors/")] == [
        200
    ] * 3


@pytest.mark.parametrize("url", PAGES)
def test_a_customer_is_told_which_role_it_needs(customer: Client, url: str) -> None:
    publish(Probed(n=1), stream="probe-1")
    response = customer.get(url)
    assert response.status_code == 403
    assert "you need the permission" in response.content.decode()


def test_a_customer_sees_own_traces_and_learns_nothing_of_others(
    customer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = publish(Probed(n=1), stream="probe-1").correlation_id
    other = publish(Probed(n=2), stream="probe-2").correlation_id
    monkeypatch.setattr("flowdeck.people.access._owners", [lambda user, trace: trace == mine])
    assert customer.get(f"/traces/{mine}/").status_code == 200
    refused = customer.get(f"/traces/{other}/")
    unknown = customer.get("/traces/01a20840-3d68-76da-b03f-b91f80a0149b/")
    assert refused.status_code == unknown.status_code == 404


@pytest.mark.django_db
def test_an_inactive_operator_may_nothing() -> None:
    user = person("operator")
    browser = signed_in(user)
    user.is_active = False
    user.save()
    assert browser.get("/events/").status_code == 302
