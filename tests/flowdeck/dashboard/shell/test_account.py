"""Your account: what one may do and why not, and tokens that are shown once and can be revoked."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from flowdeck.models import ApiToken
from tests.accounts import person, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def test_permissions_are_listed_with_the_reason_for_each_no() -> None:
    page = signed_in(person("viewer")).get("/account/").content.decode()
    needed = "To pause and resume processors you need the permission flowdeck.pause_processor."
    assert needed in page
    assert page.count("</tr>") > 5


def test_somebody_without_a_permission_gets_the_page_too() -> None:
    page = signed_in(person()).get("/account/").content.decode()
    assert "An administrator gives and takes permissions." in page
    assert "yes</td>" not in page


def called_with(token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return Client().get("/api/v1/products", headers=headers).status_code


def test_a_token_is_shown_once_works_and_can_be_revoked() -> None:
    client = signed_in(person("customer"))
    answer = client.post("/account/tokens/")
    token = re.search(r"fd_[\w-]{43}", answer.content.decode())[0]
    assert "no-store" in answer["Cache-Control"]
    assert token not in client.get("/account/").content.decode()
    assert called_with(token) == 200
    number = ApiToken.objects.get().pk
    assert client.post(f"/account/tokens/{number}/revoke/").status_code == 302
    assert called_with(token) == 401
    assert client.post(f"/account/tokens/{number}/revoke/").status_code == 404


def test_nobody_revokes_the_token_of_another() -> None:
    signed_in(person("customer")).post("/account/tokens/")
    number = ApiToken.objects.get().pk
    other = signed_in(person("customer", "other"))
    assert other.post(f"/account/tokens/{number}/revoke/").status_code == 404
    assert ApiToken.objects.get().revoked_at is None


def test_wrong_passwords_are_slowed_down_for_that_account_and_address_only() -> None:
    person("customer")
    person("operator")
    client = Client()

    def sign_in(name: str, password: str, address: str = "192.0.2.1") -> int:
        form = {"username": name, "password": password}
        return client.post("/accounts/login/", form, REMOTE_ADDR=address).status_code

    assert [sign_in("customer", f"guess {n}") for n in range(9)] == [200] * 9
    assert sign_in("customer", "guess 10") == 429
    assert sign_in("customer", "demo") == 429  # the right one must not tell
    assert sign_in("operator", "demo") == 302
    client.logout()
    assert sign_in("customer", "demo", "192.0.2.2") == 302
