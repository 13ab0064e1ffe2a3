"""``python -m benchmarks.horizon``: how long a reader of the log waits for what is under way.

Customers place orders at a steady rate and Celery workers handle them, while a reader asks for the
settled position all the time. PostgreSQL syncs to disk. Exit code 1 if
one wait of a hundred is longer than ``ALLOWED``.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack

from benchmarks import servers
from benchmarks.flowdeck import Template, running, working

RATE, SECONDS, ALLOWED = 50, 30.0, 0.020
_PAUSE = 0.002


def main() -> int:
    """Order, read, print."""
    ordering = [sys.executable, "-m", "benchmarks.work", "order_steadily", str(RATE), "600"]
    with servers.started() as place, ExitStack() as stack:
        database = stack.enter_context(Template(place, "postgresql").prepared().copied())
        stack.enter_context(working(database))
        stack.enter_context(running(ordering, database.environment()))
        os.environ |= database.environment()
        waits, appended = _reading()
    waits.sort()
    p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    print(f"{len(waits)} questions while {appended / SECONDS:,.0f} events a second were appended")
    print(f"wait p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, longest {waits[-1] * 1e3:.1f} ms")
    return int(p99 > ALLOWED)


def _reading() -> tuple[list[float], int]:
    import django

    django.setup()
    from flowdeck.log.horizon import settled_position
    from flowdeck.log.positions import newest_position

    first = newest_position()
    while newest_position() < first + 100:
        time.sleep(_PAUSE)
    waits, first, end = [], newest_position(), time.monotonic() + SECONDS
    while (began := time.monotonic()) < end:
        if settled_position(10.0) is None:
            raise SystemExit("An append took longer than 10 s.")
        waits.append(time.monotonic() - began)
        time.sleep(_PAUSE)
    return waits, newest_position() - first


if __name__ == "__main__":
    sys.exit(main())
