"""One supervisor per home.

The lock is an ``flock``, which the system itself takes back when its holder dies, however that
happens: there is no stale lock. The watchdog holds it too, so that after a killed supervisor the
home is free only once its children are gone.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

from eda_site.run.errors import CannotRun

# How long a killed supervisor's children may take to go, with room to spare (see watchdog.py).
CLEANUP_SECONDS = 10


class HomeLock:
    """The right to run from ``home``, with a note of who has it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.path = home / "run.lock"
        self._file: int | None = None

    def acquire(self, address: str) -> None:
        """Take the lock, or raise :class:`CannotRun` that names its holder."""
        deadline = time.monotonic() + CLEANUP_SECONDS
        while not self._try():
            holder = self._holder()
            if _alive(holder.get("pid")) or time.monotonic() > deadline:
                raise CannotRun(self._explain(holder))
            time.sleep(0.1)
        note = json.dumps({"pid": os.getpid(), "address": address})
        os.ftruncate(self.fileno(), 0)
        os.pwrite(self.fileno(), note.encode(), 0)

    def fileno(self) -> int:
        """The open lock file, to be shared with the watchdog."""
        assert self._file is not None, "acquire() comes first"
        return self._file

    def release(self) -> None:
        """Give the lock back and leave nothing behind."""
        if self._file is not None:
            self.path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _try(self) -> bool:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The holder may have removed the file between our open and our lock: then it's no lock.
            if self.path.exists() and os.path.samestat(os.fstat(file), self.path.stat()):
                self._file = file
                return True
        except BlockingIOError:
            pass
        os.close(file)
        return False

    def _holder(self) -> dict[str, object]:
        try:
            note = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _explain(self, holder: dict[str, object]) -> str:
        pid, address = holder.get("pid", "unknown"), holder.get("address", "address unknown")
        return (
            f"It is already running from {self.home} (process {pid}, {address}).\n"
            f"Open that address, or stop it first: kill {pid}\n"
            "For a second one beside it: FLOWDECK_HOME=/tmp/flowdeck-2 PORT=8001 make run"
        )


def _alive(pid: object) -> bool:
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
