"""The shop's shelf and customer, for lessons."""

from tests.processors.conftest import customer, demo, shelf  # noqa: F401 (fixtures)
