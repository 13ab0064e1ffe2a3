"""Any Celery broker works, since bells carry no state; and Redis may be anybody's."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.polling import eventually
from tests.site import Site, free_port

pytestmark = pytest.mark.long


@pytest.fixture
def rabbitmq(tmp_path: Path) -> Iterator[str]:
    """A RabbitMQ of its own."""
    program = shutil.which("rabbitmq-server")
    if program is None and os.environ.get("CI"):
        pytest.fail("There is no rabbitmq-server on PATH.")
    if program is None:
        pytest.skip("not run: there is no rabbitmq-server on PATH")
    port = free_port()
    environment = {
        **os.environ,
        "RABBITMQ_NODENAME": f"flowdeck-{port}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(tmp_path / "mnesia"),
        "RABBITMQ_LOG_BASE": str(tmp_path / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(tmp_path / "plugins"),
        "HOME": str(tmp_path),
    }
    output = (tmp_path / "output.log").open("wb")
    # Debian's wrapper would change to a user of its own, who may not look into the folder.
    direct = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    server = subprocess.Popen(
        [str(direct) if direct.exists() else program],
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        eventually(
            lambda: (
                "completed with" in (tmp_path / "output.log").read_text(errors="replace")
                or server.poll() is not None
            ),
            within=60,
        )
        assert server.poll() is None, (tmp_path / "output.log").read_text(errors="replace")
        yield f"amqp://guest:guest@127.0.0.1:{port}//"
    finally:
        for child in psutil.Process(server.pid).children(recursive=True):
            child.kill()
        server.kill()
        server.wait()
        output.close()


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
