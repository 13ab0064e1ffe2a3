"""A process of the drill: started again soon after each death, as a supervisor would."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import psutil

from eda_site.run.watchdog import Watchdog, send

RESTART_SECONDS = 0.1


class Kept:
    """One command, kept running until :meth:`stop`, except while it is :meth:`hold`-ed.

    ``environment`` is added to this process's from its next start on.
    """

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        watchdog: Watchdog,
        files: Sequence[int] = (),
        pause: float = RESTART_SECONDS,
    ) -> None:
        self.name = name
        self.starts = 0
        self.environment: dict[str, str] = {}
        self._arguments, self._log, self._files = arguments, log, files
        self._watchdog, self._pause = watchdog, pause
        self._child: subprocess.Popen[bytes] | None = None
        self._wanted = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> Kept:
        """Start it for the first time."""
        self._wanted.set()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask it to end, kill it if it does not, and stay that way."""
        self._over.set()
        self.hold()
        self._wanted.set()
        self._thread.join(10)

    def hold(self) -> None:
        """End it and do not start it again before :meth:`resume`."""
        self._wanted.clear()
        child = self._child
        if child is None:
            return
        child.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
        self.kill_group()

    def resume(self) -> None:
        """Start it again after :meth:`hold`."""
        self._wanted.set()

    def kill_group(self) -> None:
        """``kill -9`` it and its children."""
        if self._child is not None:
            send(self._child.pid, signal.SIGKILL)

    def kill_parent(self) -> None:
        """``kill -9`` it alone; its children have to notice."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it and its children where they are."""
        if self._child is not None:
            send(self._child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._child is not None:
            send(self._child.pid, signal.SIGCONT)

    def children(self) -> list[psutil.Process]:
        """Its child processes, oldest first."""
        try:
            return psutil.Process(self._child.pid).children() if self._child else []
        except psutil.NoSuchProcess:
            return []

    def _signal(self, number: int) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(number)

    def _keep(self) -> None:
        while True:
            self._wanted.wait()
            if self._over.is_set():
                return
            self._run_once()
            self._over.wait(self._pause)

    def _run_once(self) -> None:
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._files,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )
        self._watchdog.started(child.pid)
        self._child = child
        self.starts += 1
        child.wait()
        send(child.pid, signal.SIGKILL)  # what it left behind
        self._watchdog.ended(child.pid)
