"""One child process: started, followed, started again when it dies, ended with its own children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eda_site.run.output import Output
from eda_site.run.watchdog import Watchdog, send

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A process that was up for so long had started well: its next death begins a new count.
STEADY_SECONDS = 20.0


@dataclass(frozen=True)
class Command:
    """What to start: a name for the output, arguments, environment, and files to hand down."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[int] = ()


class Process:
    """Keeps one :class:`Command` running until :meth:`stop`."""

    def __init__(self, command: Command, output: Output, watchdog: Watchdog) -> None:
        self.command = command
        self.output = output
        self.failures = 0
        self._watchdog = watchdog
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._again = threading.Event()
        self._changing = threading.Lock()
        self._thread = threading.Thread(target=self._keep_running, daemon=True)

    def start(self) -> None:
        """Start it, and from now on start it again whenever it dies."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Ask it to finish what it is doing and end; don't wait."""
        with self._changing:
            self._stopping.set()
            if self._child:
                with contextlib.suppress(ProcessLookupError):
                    self._child.send_signal(signal.SIGTERM)

    def start_again(self) -> None:
        """Ask it to finish what it is doing, and start it anew."""
        with self._changing:
            self._again.set()
            if self._child:
                with contextlib.suppress(ProcessLookupError):
                    self._child.send_signal(signal.SIGTERM)

    def wait_stopped(self, deadline: float) -> None:
        """Wait until it has ended, and kill it at ``deadline`` (of ``time.monotonic``)."""
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive() and self._child:
            send(self._child.pid, signal.SIGKILL)
            self._thread.join()

    def _keep_running(self) -> None:
        while not self._stopping.is_set():
            begun = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            if self._again.is_set():
                self._again.clear()
                continue
            lived = time.monotonic() - begun
            self.failures = 1 if lived > STEADY_SECONDS else self.failures + 1
            delay = min(FIRST_DELAY * 2 ** (self.failures - 1), LONGEST_DELAY)
            self.output.line(f"{_describe(code)} after {lived:.0f} s; starts again in {delay:g} s")
            self._stopping.wait(delay)

    def _run_once(self) -> int:
        child = self._spawn()
        if child is None:
            return 0
        code = child.wait()
        # Its own children (a worker's pool) must not live on beside those of the next start.
        send(child.pid, signal.SIGKILL)
        self._watchdog.ended(child.pid)
        return code

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._changing:
            if self._stopping.is_set():
                return None
            self._child = subprocess.Popen(
                self.command.arguments,
                env={**os.environ, **self.command.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=self.command.files,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops all in order
            )
            self._watchdog.started(self._child.pid)
            assert self._child.stdout is not None
            self.output.follow(self._child.stdout)
            return self._child


def _describe(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
