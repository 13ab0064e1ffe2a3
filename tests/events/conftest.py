"""The shop's pages need products on the shelf, and somebody who may order."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.accounts import person, signed_in
from tests.processors.conftest import (  # noqa: F401 (fixtures)
    _a_provider_without_latency,
    customer,
    demo,
    shelf,
)


@pytest.fixture
def buyer() -> User:
    return person("customer")


@pytest.fixture
def browser_of_buyer(buyer: User) -> Client:
    return signed_in(buyer)
