"""One web process, as ``make run`` starts it."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchmarks.flowdeck import OUTPUT, ROOT, Database

_START_SECONDS = 30


@contextmanager
def serving(database: Database, **variables: str) -> Iterator[int]:
    """The port it answers at; ``variables`` are added to its environment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(2048)
        port = int(listener.getsockname()[1])
        OUTPUT.parent.mkdir(parents=True, exist_ok=True)
        with OUTPUT.open("ab") as output:
            program = subprocess.Popen(
                [sys.executable, "-m", "eda_site.serve", "--fd", str(listener.fileno())],
                cwd=ROOT,
                env={**database.environment(), "FLOWDECK_DEMO": "1", **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
            )
        try:
            _wait(port, program)
            yield port
        finally:
            program.terminate()
            with suppress(subprocess.TimeoutExpired):
                program.wait(10)
            program.kill()


def _wait(port: int, program: subprocess.Popen[bytes]) -> None:
    deadline = time.time() + _START_SECONDS
    while time.time() < deadline and program.poll() is None:
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
        with suppress(OSError):
            line.request("GET", "/accounts/login/")
            if line.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"The web process did not answer; see {OUTPUT}.")
