"""What is measured, one function each: from a commit to the pixel, many sockets, a flood."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.flowdeck import ROOT, Database
from benchmarks.live import counting, page

Numbers = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """A running site: where it answers, sessions of signed-in people, how long to look."""

    database: Database
    port: int
    cookies: list[str]
    counter: Path
    quick: bool = False

    def seconds(self, wanted: float) -> float:
        """Fewer of them for a quick look."""
        return wanted / 4 if self.quick else wanted

    def recorded(self) -> dict[int, float]:
        """When each event was recorded: a moment before its commit."""
        query = "SELECT position, extract(epoch FROM recorded_at)::float8 FROM flowdeck_event"
        return dict(self.database.rows(query))


def pixel(bench: Bench) -> Numbers:
    """50 orders/s, 50 sockets: from the event's record to its row painted in Chromium."""
    seconds = bench.seconds(16)
    with page.opened(bench.port, bench.cookies[0], "/events/") as shown:
        with _sockets(bench, 50, seconds + 2):
            bench.database.work("order_steadily", 50, seconds)
        shown.wait_for_timeout(500)
        painted = shown.evaluate("[...painted]")
        came = dict(shown.evaluate("[...came]"))
    recorded = bench.recorded()
    painted = painted[len(painted) // 8 :]  # the first second or two warms up
    steps = [(recorded[int(one)] * 1000, *came[one], at) for one, at in painted if one in came]
    times = [at - begun for begun, _, _, at in steps]
    return {
        "pixel_p50_ms": part(times, 0.5),
        "pixel_p99_ms": part(times, 0.99),
        "pixel_to_frame_p50_ms": part([sent - begun for begun, sent, _, _ in steps], 0.5),
        "pixel_on_the_way_p50_ms": part([came - sent for _, sent, came, _ in steps], 0.5),
        "pixel_to_paint_p50_ms": part([at - came for _, _, came, at in steps], 0.5),
        "pixel_rows": len(times),
    }


def sockets(bench: Bench) -> Numbers:
    """200 events/s: 500 sockets beside one, how late they hear and what the feed asks."""
    seconds = bench.seconds(16)
    alone = _rates(bench, 1, seconds)
    many = _rates(bench, 500, seconds)
    recorded = bench.recorded()
    late = [
        (at - recorded[position]) * 1000
        for positions, arrivals in many["frames"]
        for position in positions[-20:]
        for at in arrivals
        if recorded.get(position, 0.0) > many["began"]
    ]
    return {
        "sockets_p50_ms": part(late, 0.5),
        "sockets_p99_ms": part(late, 0.99),
        "sockets_dropped": many["dropped"],
        "sockets_query_ratio": many["queries"] / alone["queries"],
        "sockets_queries_per_s": many["queries"],
    }


def flood(bench: Bench) -> Numbers:
    """2,000 events/s for a minute, into an open timeline."""
    seconds = bench.seconds(60)
    with page.opened(bench.port, bench.cookies[0], "/timeline/") as shown:
        shown.wait_for_timeout(2000)
        before = page.heap(shown)
        shown.evaluate("cost.swaps = cost.longest = cost.nodes = 0")
        began = time.time()
        told = bench.database.work("publish_steadily", 2000, seconds)
        passed = time.time() - began
        cost = shown.evaluate("cost")
        shown.wait_for_timeout(3000)
        top = int(shown.locator("#log-rows > tr").first.get_attribute("data-position") or 0)
        grown = page.heap(shown) - before
    [(last,)] = bench.database.rows("SELECT max(position) FROM flowdeck_event")
    return {
        "flood_events_per_s": told["published"] / passed,
        "flood_swaps_per_s": cost["swaps"] / passed,
        "flood_dom_nodes": cost["nodes"],
        "flood_longest_task_ms": cost["longest"],
        "flood_heap_growth_mb": grown,
        "flood_rows_missing_at_the_end": last - top,
    }


def _rates(bench: Bench, count: int, seconds: float) -> dict[str, Any]:
    with _sockets(bench, count, seconds) as told:
        began, before = time.time(), counting.read(bench.counter)
        bench.database.work("publish_steadily", 200, seconds - 2)
        queries = (counting.read(bench.counter) - before) / (time.time() - began)
    return {**told, "began": began, "queries": queries}


@contextmanager
def _sockets(bench: Bench, count: int, seconds: float) -> Iterator[dict[str, Any]]:
    """So many sockets; after the block the dictionary has what they saw."""
    cookies = json.dumps(bench.cookies[:count])
    command = [
        sys.executable,
        "-m",
        "benchmarks.live.clients",
        str(bench.port),
        cookies,
        str(seconds),
    ]
    told: dict[str, Any] = {}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        program.stdout.readline()
        yield told
        told.update(json.loads(program.stdout.readline()))


def part(found: list[float], share: float) -> float:
    """The percentile."""
    if not found:
        return float("nan")
    return sorted(found)[min(len(found) - 1, int(len(found) * share))]
