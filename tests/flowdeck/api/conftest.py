"""People who call the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from flowdeck.people import tokens
from tests.accounts import ready


def person(name: str, *roles: str) -> User:
    user = User.objects.create_user(name, password="correct horse battery")
    user.groups.set([ready(role) for role in roles])
    return user


class Caller:
    """Somebody with a bearer token."""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.headers = {}
        if user is not None:
            self.headers["Authorization"] = f"Bearer {tokens.issue(user)}"

    def get(self, path: str, **query: Any) -> HttpResponse:
        return self.client.get(f"/api/v1{path}", query, headers=self.headers)

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        return self.client.post(
            f"/api/v1{path}",
            text,
            content_type="application/json",
            headers={**self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}},
        )

    def order(self, *items: tuple[str, Any], key: str = "key-1", **more: Any) -> HttpResponse:
        body = {"items": [{"sku": sku, "quantity": quantity} for sku, quantity in items], **more}
        return self.post("/orders", body, Idempotency_Key=key)


@pytest.fixture
def customer() -> Caller:
    return Caller(person("ada", "customer"))


@pytest.fixture
def other() -> Caller:
    return Caller(person("eve", "customer"))


@pytest.fixture
def operator() -> Caller:
    return Caller(person("olga", "operator"))


@pytest.fixture
def nobody() -> Caller:
    return Caller(None)
