"""The conformance of RabbitMQ, which takes its time to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flowdeck.connect.brokers import Broker, a_rabbit
from tests.flowdeck.connect.declared import make, make_in  # noqa: F401 (fixtures)
from tests.flowdeck.connect.test_conformance import *  # noqa: F403
from tests.flowdeck.connect.test_conformance_in import *  # noqa: F403

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with a_rabbit(tmp_path_factory.mktemp("rabbit")) as started:
        yield started
