"""How many queries the feed of a web process sends: counted in the process, read from a file."""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from typing import Any

from django.db.backends.signals import connection_created

VARIABLE = "COUNT_FEED_QUERIES"


def install() -> None:
    """Count, if the environment names a file."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    Path(path).write_bytes(bytes(8))
    with Path(path).open("r+b") as file:
        counter = mmap(file.fileno(), 8)

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        if threading.current_thread().name.startswith("live-feed"):
            struct.pack_into("q", counter, 0, struct.unpack_from("q", counter)[0] + 1)
        return execute(*arguments)

    def watch(connection: Any, **_: Any) -> None:
        if count not in connection.execute_wrappers:  # it connects anew for every frame
            connection.execute_wrappers.append(count)

    connection_created.connect(watch, weak=False)


def read(path: Path) -> int:
    """How many so far."""
    return int(struct.unpack("q", path.read_bytes())[0])
