"""Saved views: kept on the server, private or shared."""

from __future__ import annotations

import pytest
from django.test import Client

from flowdeck.models import SavedView
from flowdeck.people import saved_views
from tests.accounts import person, signed_in
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless

pytestmark = pytest.mark.django_db

FILTER = "type=OrderCreated&not.producer=tests"


def save(client: Client, name: str = "Orders", query: str = FILTER, **more: str) -> str:
    """Save it and return the page that follows."""
    answer = client.post("/events/views/", {"name": name, "query": query, **more}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_view_is_kept_and_leads_back_to_its_filter(operator: Client) -> None:
    page = save(operator)
    assert "Saved as Orders." in page
    assert f'href="/events/?{FILTER.replace("&", "&amp;")}" aria-current="true">Orders' in page
    assert ">Orders</a>" in operator.get("/timeline/").content.decode()


def test_only_what_is_shared_is_seen_by_others(operator: Client, viewer: Client) -> None:
    save(operator, "Mine")
    save(operator, "Ours", shared="on")
    page = viewer.get("/events/").content.decode()
    assert "Mine" not in page
    assert ">Ours</a>" in page
    assert "by operator" in page


def test_only_the_owner_deletes_it(operator: Client, viewer: Client) -> None:
    save(operator, shared="on")
    number = SavedView.objects.get().pk
    assert viewer.post(f"/events/views/{number}/delete/").status_code == 404
    assert operator.post(f"/events/views/{number}/delete/").status_code == 302
    assert not SavedView.objects.exists()


def test_the_same_name_replaces_it(operator: Client) -> None:
    save(operator, shared="on")
    save(operator, query="type=OrderCancelled")
    assert [(v.query, v.shared) for v in SavedView.objects.all()] == [
        ("type=OrderCancelled", False)
    ]


@pytest.mark.parametrize(
    ("name", "query", "complaint"),
    [
        ("", FILTER, "Give the view a name"),
        ("x" * 61, FILTER, "Give the view a name"),
        ("Orders", "", "no filter to save"),
        ("Orders", "state=asleep", "no filter to save"),
    ],
)
def test_what_can_not_be_saved(operator: Client, name: str, query: str, complaint: str) -> None:
    assert complaint in save(operator, name, query)
    assert not SavedView.objects.exists()


def test_there_is_a_limit(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST", 1)
    save(operator)
    assert "Delete one first" in save(operator, "Another")
    assert SavedView.objects.count() == 1


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_shown_as_text(operator: Client, text: str) -> None:
    assert_harmless(save(operator, text[:60], shared="on"))


def test_who_may_not_see_the_log_saves_nothing(customer: Client) -> None:
    assert customer.post("/events/views/", {"name": "x", "query": FILTER}).status_code == 403
    assert saved_views.visible_to(person(name="nobody else")) == []
    assert signed_in(person("viewer", "second")).get("/events/").status_code == 200
