"""The shop's pages need products on the shelf, and somebody who may order."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.accounts import person, signed_in
from tests.processors.conftest import demo, shelf  # noqa: F401 (fixtures)


@pytest.fixture
def buyer() -> User:
    return person("customer")


@pytest.fixture
def browser_of_buyer(buyer: User) -> Client:
    return signed_in(buyer)
