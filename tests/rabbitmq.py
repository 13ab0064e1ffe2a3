"""A RabbitMQ of a test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.polling import eventually
from tests.site import free_port


@contextmanager
def a_rabbitmq(folder: Path) -> Iterator[int]:
    """The port of one that keeps its files in ``folder``. CI fails without the program."""
    program = shutil.which("rabbitmq-server")
    if program is None and os.environ.get("CI"):
        pytest.fail("There is no rabbitmq-server on PATH.")
    if program is None:
        pytest.skip("not run: there is no rabbitmq-server on PATH")
    port = free_port()
    environment = {
        **_known_to_both(folder, port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        # What a user may do is looked up anew each second, instead of each minute.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-rabbit channel_tick_interval 1000",
    }
    log = folder / "output.log"
    output = log.open("wb")
    server = subprocess.Popen(
        [_direct(program)],
        env=environment,
        stdout=output,
        stderr=subprocess.STDOUT,
    )
    try:
        eventually(
            lambda: (
                "completed with" in log.read_text(errors="replace") or server.poll() is not None
            ),
            within=60,
        )
        assert server.poll() is None, log.read_text(errors="replace")
        yield port
    finally:
        for child in psutil.Process(server.pid).children(recursive=True):
            child.kill()
        server.kill()
        server.wait()
        output.close()


def control(folder: Path, port: int, *words: str) -> None:
    """Ask ``rabbitmqctl`` to do something to the one that keeps its files in ``folder``."""
    program = _direct(shutil.which("rabbitmqctl") or "rabbitmqctl")
    subprocess.run([program, *words], env=_known_to_both(folder, port), check=True, timeout=60)


def _known_to_both(folder: Path, port: int) -> dict[str, str]:
    name = f"flowdeck-{port}@localhost"
    return {**os.environ, "RABBITMQ_NODENAME": name, "HOME": str(folder)}


def _direct(program: str) -> str:
    """Not Debian's wrapper, which changes to a user who may not look into the folder."""
    direct = Path("/usr/lib/rabbitmq/bin") / Path(program).name
    return str(direct) if direct.exists() else program
