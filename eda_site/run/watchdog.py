"""Ends what a killed supervisor leaves behind.

The supervisor writes the process groups it starts (``+123``) and has ended (``-123``) to this
process's standard input. When that closes, for whatever reason, the groups still listed are ended.
Works wherever there are pipes, reaches grandchildren, and needs no help from the dying.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 2.0


class Watchdog:
    """The supervisor's end: starts the watchdog process and keeps it informed."""

    def __init__(self, lock_file: int) -> None:
        # -S -E: needs the standard library only, so it starts fast and takes little memory.
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[lock_file],
            start_new_session=True,
        )
        self._writing = threading.Lock()

    def started(self, group: int) -> None:
        """From now on ``group`` must not outlive the supervisor."""
        self._tell(f"+{group}")

    def ended(self, group: int) -> None:
        """``group`` is gone; its number may soon mean something else."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """End the watchdog, which ends what is still listed."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with self._writing, contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()


def main() -> None:
    """Listen until the supervisor is gone, then end its groups."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end(groups)


def end(groups: set[int]) -> None:
    """Ask each group to end, and kill those that don't in time."""
    deadline = time.monotonic() + GRACE_SECONDS
    remaining = {group for group in groups if send(group, signal.SIGTERM)}
    while remaining and time.monotonic() < deadline:
        time.sleep(0.05)
        remaining = {group for group in remaining if send(group, 0)}
    for group in remaining:
        send(group, signal.SIGKILL)


def send(group: int, number: int) -> bool:
    """Send a signal to every process of a group; whether there was any."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies only
        return False
    return True


if __name__ == "__main__":
    main()
