"""The admin: rows to look up, dead letters to mend by the engine's own actions, nothing to edit."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from flowdeck import publish
from flowdeck.models import AuditEntry, Delivery, Event
from flowdeck.testing import settle
from tests.accounts import person, signed_in
from tests.probe.events import Probed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    return signed_in(person("operator"))


@pytest.fixture
def dead() -> Delivery:
    publish(Probed(n=1, fails=9, by="probe.atomic"), stream="<b>probe</b>")
    settle()
    return Delivery.objects.get(state="dead")


def act(client: Client, action: str, delivery: Delivery, reason: str = "") -> str:
    form = {"action": action, "_selected_action": [delivery.letter], "reason": reason}
    return client.post("/admin/flowdeck/deadletter/", form, follow=True).content.decode()


@pytest.mark.parametrize("by", ["position", "id", "correlation_id", "stream"])
def test_an_event_is_found_by_what_names_it(operator: Client, dead: Delivery, by: str) -> None:
    event = Event.objects.get(pk=dead.event_id)
    page = operator.get("/admin/flowdeck/event/", {"q": str(getattr(event, by))}).content.decode()
    assert f"/admin/flowdeck/event/{event.pk}/change/" in page
    assert "<b>probe</b>" not in page


@pytest.mark.parametrize("what", ["event", "deadletter", "processorstate"])
@pytest.mark.parametrize("term", ["nothing", "1' OR '1", "x" * 5000, "9" * 30, "a\x00b"])
def test_a_search_for_nonsense_finds_nothing(operator: Client, what: str, term: str) -> None:
    assert operator.get(f"/admin/flowdeck/{what}/", {"q": term}).status_code == 200


def test_lists_cost_the_same_however_long(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    publish(*[Probed(n=n) for n in range(150)], stream="probe-1")
    with django_assert_max_num_queries(13):
        operator.get("/admin/flowdeck/event/")
    with django_assert_max_num_queries(13):
        operator.get("/admin/flowdeck/deadletter/")


def test_a_dead_letter_is_retried_by_the_engine(operator: Client, dead: Delivery) -> None:
    assert "1 dead letter made due again" in act(operator, "retry_dead", dead, "mended")
    dead.refresh_from_db()
    assert dead.state == "pending"
    assert "None of them is dead" in act(operator, "retry_dead", dead)


def test_all_that_fit_were_not_all_seen(operator: Client, dead: Delivery) -> None:
    form = {"select_across": "1", "reason": "all", "_selected_action": [dead.letter]}
    for action in ("retry_dead", "discard_dead"):
        answer = operator.post(
            "/admin/flowdeck/deadletter/", {**form, "action": action}, follow=True
        )
        assert "may never have been on this page" in answer.content.decode()
    dead.refresh_from_db()
    assert dead.state == "dead"


def test_a_form_of_the_admin_that_is_sent_twice_acts_once(operator: Client, dead: Delivery) -> None:
    page = operator.get("/admin/flowdeck/deadletter/").content.decode()
    found = re.search(r'name="once" value="([0-9a-f-]{36})"', page)
    assert found
    form = {"action": "retry_dead", "once": found[1], "_selected_action": [dead.letter]}
    for _ in range(2):
        operator.post("/admin/flowdeck/deadletter/", form)
        settle()  # it fails again, at once
    assert AuditEntry.objects.filter(action="retry").count() == 1


def test_a_discard_needs_a_reason(operator: Client, dead: Delivery) -> None:
    assert "needs a reason" in act(operator, "discard_dead", dead)
    dead.refresh_from_db()
    assert dead.state == "dead"
    assert "1 dead letter discarded" in act(operator, "discard_dead", dead, "a test order")
    dead.refresh_from_db()
    assert dead.state == "discarded"


def test_nothing_can_be_changed_or_deleted(operator: Client, dead: Delivery) -> None:
    for what, key in (("deadletter", dead.letter), ("event", dead.event_id)):
        for verb in ("change", "delete"):
            answer = operator.post(f"/admin/flowdeck/{what}/{key}/{verb}/", {"post": "yes"})
            assert answer.status_code == 403, (what, verb)
        assert operator.get(f"/admin/flowdeck/{what}/add/").status_code == 403


_LARGE = "9" * 30
_ODD = {
    "": "abc",
    "__exact": "\x00",
    "__isnull": "abc",
    "__gte": _LARGE,
    "__startswith": "\x00",
    "__year": _LARGE,
}


@pytest.mark.long
def test_odd_filters_of_any_model_are_no_fault_of_the_site(db: None) -> None:
    """What makes no sense is refused or left out, also by the models of Django and other apps."""
    browser, wrong = signed_in(person("admin")), []
    browser.raise_request_exception = False
    asked: set[type] = set()  # each kind of field is asked for once
    for model, shown in admin.site._registry.items():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        queries = [{"p": _LARGE}, {"_to_field": "\x00"}]
        if model._meta.app_label != "flowdeck":  # those take no look-up at all
            queries += [{"q": "\x00"}, {"o": _LARGE}, {"e": "abc"}]
            one_of_a_kind = {type(field): field.name for field in model._meta.get_fields()}
            fields = {name for kind, name in one_of_a_kind.items() if kind not in asked}
            asked |= one_of_a_kind.keys()
            fields |= {f"{one}__id" for one in shown.list_filter if one == "groups"}
            queries += [{f"{one}{how}": odd} for one in fields for how, odd in _ODD.items()]
        addresses = [f"{path}?{urlencode(query)}" for query in queries]
        addresses += [f"{path}{key}/change/" for key in (_LARGE, "%00")]
        answers = [(one, browser.get(one).status_code) for one in addresses]
        wrong += [one for one in answers if one[1] not in (200, 302, 400, 403, 404)]
    assert wrong == []
