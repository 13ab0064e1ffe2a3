"""The shop's shelf and customer, for lessons."""

from tests.processors.conftest import (  # noqa: F401 (fixtures)
    _a_provider_without_latency,
    customer,
    demo,
    shelf,
)
