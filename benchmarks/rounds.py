"""All sides in turn, several times over, so that whatever disturbs the machine disturbs all."""

from __future__ import annotations

import os
import statistics
import time
from collections import defaultdict

from benchmarks.ratios import GOALS, ratios, reached
from benchmarks.sides import SIDES
from benchmarks.stand import Stand

ONCE = ("memory",)  # takes minutes, and hardly varies


def measure(
    stand: Stand, sides: list[str], rounds: int
) -> tuple[dict[str, list[float]], list[float]]:
    """Each number once per round, and the load average before each measure. Tells what it does."""
    numbers: defaultdict[str, list[float]] = defaultdict(list)
    loads: list[float] = []
    for turn in range(rounds):
        for side in sides:
            if turn and side in ONCE:
                continue
            load, began = os.getloadavg()[0], time.monotonic()
            loads.append(load)
            found = SIDES[side](stand)
            for name, value in found.items():
                numbers[name].append(value)
            text = ", ".join(f"{name} {value:,.1f}" for name, value in found.items())
            took = time.monotonic() - began
            print(f"{turn + 1}/{rounds} {text} (load before {load:.1f}; {took:.0f} s)", flush=True)
    middle = {name: statistics.median(values) for name, values in numbers.items()}
    for name, value in {**ratios(numbers), **middle}.items():
        if (met := reached(name, value)) is not None:
            verdict = "reached" if met else "MISSED"
            print(f"{name:28} {value:10.2f}  {GOALS[name]:8} {verdict}", flush=True)
    return dict(numbers), loads
