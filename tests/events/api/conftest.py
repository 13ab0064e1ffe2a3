"""Callers of the API, as the library's tests have them."""

from tests.flowdeck.api.conftest import customer, nobody, operator, other  # noqa: F401 (fixtures)
