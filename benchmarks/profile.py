"""py-spy over the pool processes of the worker that is being measured: ``--profile``."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil

from benchmarks.flowdeck import ROOT
from benchmarks.peer import PYTHON

FOLDER = ROOT / "var" / "benchmarks" / "profiles"
_SECONDS = 8


@contextmanager
def recorded(name: str, wanted: bool) -> Iterator[None]:
    """Write ``NAME-1.txt`` and so on: collapsed stacks of each pool process."""
    if not wanted:
        yield
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for number, pid in enumerate(pool_processes()):
            command = [
                str(PYTHON.with_name("py-spy")),
                "record",
                "--pid",
                str(pid),
                "--format",
                "raw",
                "--rate",
                "200",
                "--duration",
                str(_SECONDS),
                "--nonblocking",
                "--output",
                str(FOLDER / f"{name}-{number}.txt"),
            ]
            spy = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            stack.callback(spy.wait)
        yield


def pool_processes() -> list[int]:
    """Ids of the running worker's pool processes, once they are there."""
    deadline = time.time() + 20
    me = psutil.Process()
    while time.time() < deadline:
        for child in me.children():
            pool = [one.pid for one in child.children()]
            if "worker" in " ".join(child.cmdline()) and len(pool) == 2:
                return pool
        time.sleep(0.05)
    raise SystemExit("The worker's processes did not start.")
