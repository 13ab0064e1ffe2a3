"""``procrastinate``: jobs in PostgreSQL that do nothing.

``python -m benchmarks.peers.jobs send N``.
"""

from __future__ import annotations

import json
import os
import sys
import time

import procrastinate

app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=os.environ["DATABASE_URL"])
)


@app.task(name="noop")
async def noop(n: int) -> None:
    """Nothing."""


def send(count: int) -> dict[str, float]:
    """One job per transaction, through the synchronous connector."""
    connector = procrastinate.SyncPsycopgConnector(conninfo=os.environ["DATABASE_URL"])
    with app.replace_connector(connector) as sync, sync.open():
        sync.schema_manager.apply_schema()
        started = time.perf_counter()
        for n in range(count):
            sync.tasks["noop"].defer(n=n)
        return {"procrastinate_publish": count / (time.perf_counter() - started)}


if __name__ == "__main__":
    print(json.dumps(send(int(sys.argv[2]))))
