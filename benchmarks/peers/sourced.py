"""``eventsourcing`` with its PostgreSQL recorder and a follower that does nothing.

``python -m benchmarks.peers.sourced STEP N``. The library follows in one process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner

_URL = urlsplit(os.environ["DATABASE_URL"])
ENVIRONMENT = {
    "PERSISTENCE_MODULE": "eventsourcing.postgres",
    "POSTGRES_DBNAME": _URL.path.lstrip("/"),
    "POSTGRES_HOST": parse_qs(_URL.query)["host"][0],
    "POSTGRES_USER": _URL.username or "",
    "POSTGRES_PASSWORD": "none",  # needed by the library, not by the server
}


class Thing(Aggregate):
    """Something that is pinged."""

    @event("Pinged")
    def __init__(self, n: int) -> None:
        self.n = n


class Things(Application):
    """Keeps them."""


class Follower(Projection[PostgresTrackingRecorder]):
    """Notes how far it has come, in a transaction per event, as the library asks for."""

    name = "follower"
    handled = 0
    began = 0.0

    def process_event(self, domain_event: Any, tracking: Any) -> None:
        """No effect but the note."""
        Follower.began = Follower.began or time.time()
        self.view.insert_tracking(tracking)
        Follower.handled += 1


def send(count: int) -> dict[str, float]:
    """One event per transaction."""
    things = Things(env=ENVIRONMENT)
    started = time.perf_counter()
    for n in range(count):
        things.save(Thing(n))
    return {"eventsourcing_publish": count / (time.perf_counter() - started)}


def follow(count: int) -> dict[str, float]:
    """Follow from the beginning to the end."""
    with ProjectionRunner(
        application_class=Things,
        projection_class=Follower,
        view_class=PostgresTrackingRecorder,
        env=ENVIRONMENT,
    ):
        while Follower.handled < count:
            time.sleep(0.01)
    return {"eventsourcing": count / (time.time() - Follower.began)}


if __name__ == "__main__":
    step = {"send": send, "follow": follow}[sys.argv[1]]
    print(json.dumps(step(*map(int, sys.argv[2:]))))
