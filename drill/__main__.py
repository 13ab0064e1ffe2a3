"""``python -m drill``: see :mod:`drill`. Exit code 1 on any violation."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from drill.stack import Stack, running

if TYPE_CHECKING:
    from drill.load import Load
    from drill.report import Report

_SETTLE_SECONDS = 600  # a busy machine may have a backlog
_SHOWN = 20


def main() -> int:
    """Run one drill as the environment says."""
    minutes = float(os.environ.get("MINUTES", "3"))
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(100_000))
    database = os.environ.get("DATABASE", "postgresql")
    if database not in ("postgresql", "pooler", "sqlite"):
        raise SystemExit(f"DATABASE={database} is neither postgresql, pooler nor sqlite.")
    print(f"drill: {minutes:g} minutes on {database}, SEED={seed}", flush=True)
    with ExitStack() as folders:
        home = Path(folders.enter_context(tempfile.TemporaryDirectory(prefix="fdd-")))
        # Not below the home: the server runs as a user of its own, who may not look in there.
        data = tempfile.TemporaryDirectory(prefix="fddpg-", ignore_cleanup_errors=True)
        folder = Path(folders.enter_context(data)) if database != "sqlite" else None
        try:
            workers = int(os.environ.get("WORKERS", "3"))
            with running(home, folder, workers, pooled=database == "pooler") as stack:
                return _drill(stack, minutes * 60, random.Random(seed))
        finally:
            _keep_logs(home)


def _drill(stack: Stack, seconds: float, draw: random.Random) -> int:
    import django

    django.setup()
    from drill.load import Load, restock
    from drill.report import Report

    restock()
    token = subprocess.run(
        [sys.executable, "manage.py", "create_token", "customer"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()[-1]
    rate = float(os.environ.get("RATE", "10"))
    load = Load(rate, random.Random(draw.random()), stack.port, token)
    report = Report()
    load.start()
    try:
        _break_things(stack, seconds, draw, report)
    finally:
        print("faults are over; waiting until all is settled", flush=True)
        load.stop()
    return _conclude(stack, load, report)


def _break_things(stack: Stack, seconds: float, draw: random.Random, report: Report) -> None:
    from drill import faults, recovery

    end = time.monotonic() + seconds
    named = os.environ.get("FAULTS", "")
    for fault in faults.sequence(draw, stack, named):
        faults.wait(draw.uniform(1, 3))
        if time.monotonic() > end:
            return
        fault.inject(stack, draw)
        found = recovery.measure(stack, recovery.now(), web=fault.web)
        report.recoveries[fault].append(found)
        print(
            f"{max(0.0, end - time.monotonic()):5.0f} s left | {fault.name}: alive after "
            f"{found.first:.1f} s, caught up after {found.caught_up:.1f} s",
            flush=True,
        )


def _conclude(stack: Stack, load: Load, report: Report) -> int:
    from django.db import connection

    from drill import judgement, recovery

    settled = recovery.settled(stack, _SETTLE_SECONDS)
    connection.close()  # it has seen the faults too
    judged = judgement.judge(load.placed)
    told = subprocess.run(
        [sys.executable, "manage.py", "verify"],
        capture_output=True,
        text=True,
        check=False,
    )
    verified = told.returncode == 0
    print(f"\n{report.faults()}\n\n{report.outcome(load, judged, verified, settled)}\n")
    for violation in judged.violations[:_SHOWN]:
        print(f"VIOLATION: {violation}")
    if not verified:
        print(told.stdout[-4000:] + told.stderr[-2000:])
    return int(not (settled and verified) or bool(judged.violations or report.slow))


def _keep_logs(home: Path) -> None:
    """Copy the processes' logs to where a person finds them, if DRILL_LOGS names a folder."""
    target = os.environ.get("DRILL_LOGS")
    if not target:
        return
    Path(target).mkdir(parents=True, exist_ok=True)
    for log in home.glob("*.log"):
        (Path(target) / log.name).write_bytes(log.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
