"""Another connection with a transaction that is still open."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def open_transaction(write: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Another connection that wrote and has not committed; call what is yielded to let it."""
    written, go = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                write()
                written.set()
                go.wait(60)
        finally:
            written.set()
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()

    def commit() -> None:
        go.set()
        thread.join(60)

    try:
        assert written.wait(60)
        yield commit
    finally:
        commit()
