"""Memory of a worker process over the million deliveries that wait in the backlog."""

from __future__ import annotations

import time

import psutil

from benchmarks import growth
from benchmarks.flowdeck import Database, working
from benchmarks.profile import pool_processes
from benchmarks.stand import Numbers, Stand

_PATIENCE = 600  # seconds
_LEFT = """
SELECT count(*) FROM flowdeck_due
WHERE processor = 'bench.noop' AND state IN ('pending', 'retrying', 'sleeping')
"""


def memory(stand: Stand) -> Numbers:
    """Resident memory of the larger pool process after 50,000 and after 1,000,000 deliveries."""
    with growth.with_backlog(stand).copied() as database:
        [(waiting,)] = database.rows(_LEFT)
        with working(database):
            pool = [psutil.Process(pid) for pid in pool_processes()]
            return {
                "memory_50k": _when(database, waiting, waiting // 20, pool),
                "memory_1m": _when(database, waiting, waiting, pool),
            }


def _when(database: Database, waiting: int, count: int, pool: list[psutil.Process]) -> float:
    deadline = time.monotonic() + _PATIENCE
    while waiting - database.rows(_LEFT)[0][0] < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"{count} deliveries were not done in {_PATIENCE} s.")
        time.sleep(1)
    return max(process.memory_info().rss for process in pool) / 1e6
