"""A steady rate in every other second, so that two programs share whatever disturbs the machine."""

from __future__ import annotations

import time
from collections.abc import Iterator


def steadily(rate: int, seconds: int, turn: int) -> Iterator[int]:
    """Count up ``rate`` times a second in ``seconds`` seconds of the clock, of which every other
    is ours: the even ones (``turn`` 0) or the odd ones (1)."""
    first = int(time.time()) + 2
    first += (first + turn) % 2
    for n in range(rate * seconds):
        second, part = divmod(n, rate)
        time.sleep(max(0.0, first + 2 * second + part / rate - time.time()))
        yield n
