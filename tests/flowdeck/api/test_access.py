"""Who gets in, and how."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from flowdeck.models import ApiToken
from tests.flowdeck.api.conftest import Caller, person

pytestmark = pytest.mark.django_db(transaction=True)

READS = ["/products", "/events", "/processors", "/orders/1"]


@pytest.mark.parametrize("path", READS)
def test_nobody_gets_nothing(nobody: Caller, path: str) -> None:
    answer = nobody.get(path)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Sign in, or send a valid bearer token."}


@pytest.mark.parametrize("path", ["/events", "/processors"])
def test_a_customer_may_not_read_the_log(customer: Caller, path: str) -> None:
    answer = customer.get(path)
    assert answer.status_code == 403
    assert "you need the permission" in answer.json()["detail"]


def test_the_command_prints_the_token_alone_on_the_last_line() -> None:
    person("ada", "customer")
    out = io.StringIO()
    call_command("create_token", "ada", stdout=out, stderr=io.StringIO())
    token = out.getvalue().splitlines()[-1]
    answer = Client().get("/api/v1/products", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert not ApiToken.objects.filter(digest__contains=token).exists()


def test_the_command_names_who_is_unknown() -> None:
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("create_token", "nobody")


def test_a_revoked_token_is_worth_nothing(customer: Caller) -> None:
    ApiToken.objects.update(revoked_at="2026-01-01T00:00:00Z")
    assert customer.get("/products").status_code == 401


def test_a_token_of_a_switched_off_account_is_worth_nothing(customer: Caller) -> None:
    assert customer.user is not None
    customer.user.is_active = False
    customer.user.save()
    assert customer.get("/products").status_code == 401


def test_a_session_needs_a_csrf_token_to_write() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("ada", "customer"))
    body = json.dumps({"items": [{"sku": "mug", "quantity": 1}]})
    answer = client.post("/api/v1/orders", body, content_type="application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]
    assert client.get("/api/v1/products").status_code == 200
