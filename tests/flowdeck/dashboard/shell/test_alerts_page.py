"""The page of alert rules."""

from __future__ import annotations

import pytest
from django.test import Client

from flowdeck.alerts import rules
from flowdeck.models import AlertRule, AuditEntry
from tests.accounts import person, signed_in
from tests.flowdeck.dashboard.test_hostile_text import HOSTILE, assert_harmless

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"name": "Stuck", "kind": "waiting", "threshold": "30", "hold_seconds": "10"}


@pytest.fixture
def admin() -> Client:
    return signed_in(person("admin", "root"))


def page(client: Client, query: str = "") -> str:
    return client.get(f"/alerts/{query}").content.decode()


def test_without_rules_it_says_what_would_be_here(operator: Client) -> None:
    AlertRule.objects.all().delete()
    assert "No rules yet" in page(operator)


def test_an_operator_sets_changes_mutes_and_deletes_a_rule(operator: Client) -> None:
    operator.post("/alerts/rules/", FORM)
    row = AlertRule.objects.get()
    assert "30 or more seconds that the oldest delivery waits, for 10 s" in page(operator)
    assert 'value="Stuck"' in page(operator, f"?edit={row.pk}")
    operator.post("/alerts/rules/", {**FORM, "number": row.pk, "threshold": "60"})
    assert AlertRule.objects.get().threshold == 60
    operator.post(f"/alerts/rules/{row.pk}/mute/", {"hours": "8"})
    assert "muted until" in page(operator)
    asked = page(operator, f"?delete={row.pk}")
    assert "Delete Stuck?" in asked
    assert AlertRule.objects.exists()
    operator.post(f"/alerts/rules/{row.pk}/delete/")
    assert not AlertRule.objects.exists()
    done = list(AuditEntry.objects.order_by("id").values_list("action", flat=True))
    assert done == [
        "add alert rule",
        "change alert rule",
        "mute alert rule",
        "delete alert rule",
    ]


def test_only_an_admin_says_where_a_webhook_goes(operator: Client, admin: Client) -> None:
    operator.post("/alerts/rules/", {**FORM, "webhook": "http://inside.example/"})
    row = AlertRule.objects.get()
    assert row.webhook == ""
    admin.post("/alerts/rules/", {**FORM, "number": row.pk, "webhook": "https://a.example/"})
    operator.post("/alerts/rules/", {**FORM, "number": row.pk, "threshold": "5"})
    assert AlertRule.objects.get().webhook == "https://a.example/"
    assert "signed with" in page(admin, f"?edit={row.pk}")
    assert "signed with" not in page(operator, f"?edit={row.pk}")


def test_what_is_wrong_is_said_and_kept_in_the_form(operator: Client) -> None:
    answer = operator.post("/alerts/rules/", {**FORM, "threshold": "many"})
    assert answer.status_code == 422
    assert "threshold: a number from 1" in answer.content.decode()
    assert 'value="many"' in answer.content.decode()


def test_a_viewer_only_looks(viewer: Client) -> None:
    rules.save(None, FORM, by="operator")
    assert "Stuck" in page(viewer)
    for query in ("", f"?delete={AlertRule.objects.first().pk}", "?edit=new"):
        assert 'method="post" action="/alerts' not in page(viewer, query)
    assert viewer.post("/alerts/rules/", FORM).status_code == 403


def test_what_fires_stands_on_every_page(viewer: Client) -> None:
    rules.save(None, FORM, by="operator")
    AlertRule.objects.update(firing_since="2026-01-01T00:00:00Z", value=31)
    assert "Stuck: 31 seconds that the oldest delivery waits" in page(viewer)
    assert "firing" in page(viewer)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_it_is_shown_as_text(operator: Client, text: str) -> None:
    rules.save(None, FORM, by="operator")
    AlertRule.objects.update(about=text[:300].replace("\x00", ""), firing_since="2026-01-01T00:00Z")
    assert_harmless(page(operator))
