"""The pytest plugin: the fixture ``flow``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from flowdeck.testing.flow import Flow


@pytest.fixture
def flow(db: Any) -> Flow:
    """A flow in the transaction of this test; it is rolled back with it."""
    from flowdeck.testing.flow import Flow  # models are not ready where plugins are imported

    return Flow()
