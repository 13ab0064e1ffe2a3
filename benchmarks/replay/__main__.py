"""``make bench-replay ARGS="--events 1000000"``: rebuild all read models, beside a follower.

Everything runs on one core: this process, PostgreSQL, the replay, and the peer. ``--profile FILE``
records where the replay's time goes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

import psutil
import psycopg

from benchmarks import peer, servers
from benchmarks.flowdeck import ROOT, Database, Template, running
from benchmarks.replay import shop
from benchmarks.replay.shop import EVENTS_AN_ORDER

GOAL_RATE, GOAL_RATIO = 10_000, 5
_LOOK_SECONDS = 0.25
_EARLY = 0.1  # of the events: the memory until then is what it takes to work at all
_RUN = "SELECT state, done, total, extract(epoch FROM finished_at - started_at)::float8, result "
_RUN += "FROM flowdeck_replayrun ORDER BY id DESC LIMIT 1"


def main(arguments: list[str]) -> int:
    """Measure, print, and say by the exit code whether the goals were met."""
    options = _parser().parse_args(arguments)
    peer.install()
    if not options.all_cores:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # what is started inherits it
    with servers.started() as up:
        ours = _ours(up, options.events, options.profile)
        theirs = _theirs(up, options.peer_events) if options.peer_events else {}
    if theirs:
        ours["ratio"] = ours["events_per_second"] / theirs["eventsourcing"]
    print(json.dumps(ours | theirs, indent=1))
    slow = ours["events_per_second"] < GOAL_RATE or ours.get("ratio", GOAL_RATIO) < GOAL_RATIO
    return int(slow)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-replay", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--peer-events", type=int, default=20_000, help="0: without the peer")
    parser.add_argument("--all-cores", action="store_true")
    parser.add_argument("--profile", default="", metavar="FILE")
    return parser


def _ours(up: servers.Servers, count: int, profile: str) -> dict[str, float]:
    template = Template(up, "postgresql").prepared()
    database = template._original
    events = shop.fill(database.url, count)
    figures = _rebuild(database, profile) | {"events": float(events)}
    again = _replay(database, "--verify")
    if again:
        raise SystemExit("The rebuilt read models differ from a second replay: not a measure.")
    return figures


def _rebuild(database: Database, profile: str) -> dict[str, float]:
    command = [sys.executable, "manage.py", "replay", "--rebuild"]
    if profile:
        spy = [str(peer.PYTHON.with_name("py-spy")), "record", "-r", "100", "-f", "raw"]
        command = [*spy, "-o", profile, "--", *command]
    early = late = 0.0
    with (
        psycopg.connect(database.url, autocommit=True) as look,
        running(
            command, database.environment() | {"DJANGO_SETTINGS_MODULE": "benchmarks.settings"}
        ) as program,
    ):
        process = psutil.Process(program.pid)
        while program.poll() is None:
            row = look.execute(_RUN).fetchone()
            if row and process.is_running():
                memory = _memory(process)
                early = memory if row[1] <= _EARLY * row[2] else early
                late = max(late, memory)
            time.sleep(_LOOK_SECONDS)
        if program.returncode:
            raise SystemExit("The rebuild failed; see var/benchmarks/output.log.")
        row = look.execute(_RUN).fetchone()
    assert row
    for model in row[4]["models"]:
        print(f"{model['model']}: {model['rows']:,} rows", file=sys.stderr)
    return {
        "seconds": row[3],
        "events_per_second": row[1] / row[3],
        "megabytes_early": early,
        "megabytes_most": late,
    }


def _memory(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def _replay(database: Database, what: str) -> int:
    with running([sys.executable, "manage.py", "replay", what], database.environment()) as program:
        return program.wait()


def _theirs(up: servers.Servers, count: int) -> dict[str, float]:
    orders = count // EVENTS_AN_ORDER
    with peer.database(up, "peer_shop") as database:
        peer.step(up, "sourced_shop", "send", orders, database=database)
        return peer.step(up, "sourced_shop", "follow", orders, database=database)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
