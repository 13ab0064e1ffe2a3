"""Browsers in which people with roles are signed in."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.accounts import person, signed_in


@pytest.fixture
def operator(db: None) -> Client:
    """An operator's browser."""
    return signed_in(person("operator"))


@pytest.fixture
def customer(db: None) -> Client:
    """A customer's browser."""
    return signed_in(person("customer"))


@pytest.fixture
def viewer(db: None) -> Client:
    """A viewer's browser."""
    return signed_in(person("viewer"))
