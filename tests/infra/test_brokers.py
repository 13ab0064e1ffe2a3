"""Any Celery broker works, since bells carry no state; and Redis may be anybody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.polling import eventually
from tests.rabbitmq import a_rabbitmq
from tests.site import Site, free_port

pytestmark = pytest.mark.long


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[str]:
    with a_rabbitmq(tmp_path) as port:
        yield f"amqp://guest:guest@127.0.0.1:{port}//"


def test_orders_flow_over_rabbitmq_and_a_redis_of_somebody_else(
    rabbitmq: str, redis_url: str, tmp_path: Path
) -> None:
    others = {"CELERY_BROKER_URL": rabbitmq, "REDIS_URL": redis_url}
    with Site.started(tmp_path / "home", free_port(), **others) as site:
        assert "redis  |" not in site.output  # it started none of its own
        well, declined = site.order(), site.order(scenario="card_declined")
        eventually(lambda: site.status(well) == "confirmed")
        eventually(lambda: site.status(declined) == "cancelled")
        assert "A bell could not be rung" not in site.output
