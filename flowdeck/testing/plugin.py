"""The pytest plugin: the fixture ``flow``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db import DEFAULT_DB_ALIAS

if TYPE_CHECKING:
    from flowdeck.testing.flow import Flow


@pytest.fixture
def flow(db: Any) -> Flow:
    """A flow in the transaction of this test; it is rolled back with it."""
    from flowdeck.testing.flow import Flow  # models are not ready where plugins are imported

    return Flow()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with a flow may ask the database of the log, unless its own mark names others."""
    from flowdeck.conf import conf

    for item in items:
        if "flow" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("django_db"):
            databases = sorted({DEFAULT_DB_ALIAS, conf().DATABASE})
            item.add_marker(pytest.mark.django_db(databases=databases))
