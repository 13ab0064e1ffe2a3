"""What the terminal shows: one line at a time, each marked with the process it comes from."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import threading
from pathlib import Path
from typing import IO

_WIDTH = 6
_HUES = {"web": 36, "worker": 35, "redis": 33}
_LOG_BYTES = 5_000_000


class Output:
    """Lines of one process, to the terminal and to ``<home>/logs/<name>.log``."""

    _terminal = threading.Lock()

    def __init__(self, name: str, logs: Path) -> None:
        logs.mkdir(mode=0o700, exist_ok=True)
        self.path = logs / f"{name}.log"
        self._prefix = _prefix(name)
        self._file = logging.handlers.RotatingFileHandler(
            self.path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
        )

    def line(self, text: str) -> None:
        """Show and keep one line."""
        self._file.handle(logging.makeLogRecord({"msg": text}))
        show(self._prefix + text)

    def follow(self, stream: IO[bytes]) -> None:
        """Take over all lines of ``stream`` until it ends, in a thread of its own."""
        threading.Thread(target=self._copy, args=(stream,), daemon=True).start()

    def _copy(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.line(line.decode(errors="replace").rstrip())


def show(text: str) -> None:
    """Print one line; a terminal that went away is no reason to stop."""
    with Output._terminal:
        try:
            print(text, flush=True)
        except OSError:
            # Later prints, and Python's own flush at exit, would fail over and over.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _prefix(name: str) -> str:
    mark = f"{name:<{_WIDTH}} | "
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return mark
    return f"\033[{_HUES.get(name, 37)}m{mark}\033[0m"
