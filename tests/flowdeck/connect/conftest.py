"""The brokers that start at once. A test has Redis, unless it is parametrised with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.flowdeck.connect.aws import a_moto
from tests.flowdeck.connect.brokers import Broker, a_kafka, a_nats, a_redis, a_webhook
from tests.flowdeck.connect.declared import make, make_in  # noqa: F401 (fixtures)


@pytest.fixture(scope="session")
def _brokers(
    redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Broker]]:
    starts = {
        "redis": lambda: a_redis(redis_url),
        "webhook": a_webhook,
        "nats": lambda: a_nats(tmp_path_factory.mktemp("nats")),
        "sqs": lambda: a_moto("sqs", tmp_path_factory.mktemp("sqs")),
        "sns": lambda: a_moto("sns", tmp_path_factory.mktemp("sns")),
        "kafka": lambda: a_kafka(tmp_path_factory.mktemp("kafka")),
    }
    running: dict[str, Broker] = {}
    with ExitStack() as stack:

        def named(name: str) -> Broker:
            if name not in running:
                running[name] = stack.enter_context(starts[name]())
            return running[name]

        yield named


@pytest.fixture
def broker(request: pytest.FixtureRequest, _brokers: Callable[[str], Broker]) -> Broker:
    return _brokers(getattr(request, "param", "redis"))
