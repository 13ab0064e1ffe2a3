"""A real Prometheus reads a site under load, whose workers are killed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.polling import eventually
from tests.site import Site, free_port

pytestmark = [pytest.mark.long, pytest.mark.postgres]
_KILLS = 3
_EVENTS = "sum by (producer, type) (flowdeck_events_total) > 0"
_DELIVERIES = 'sum by (processor, type) (flowdeck_deliveries_total{outcome="done"}) > 0'
_PRODUCED = "SELECT producer, type, count(*) FROM flowdeck_event GROUP BY 1, 2"
_DONE = """
SELECT d.processor, e.type, count(*) FROM flowdeck_done d JOIN flowdeck_event e USING (position)
GROUP BY 1, 2
"""
_LEFT = "SELECT count(*) FROM flowdeck_due WHERE state IN ('pending', 'retrying')"
_TOLD = "SELECT count(*) FROM flowdeck_tally"
Ask = Callable[[str], dict[tuple[str, ...], float]]


@contextmanager
def a_prometheus(site: Site, folder: Path) -> Iterator[Ask]:
    """One that scrapes the site each second; answers queries, by the values of the labels."""
    program = shutil.which("prometheus")
    if program is None and os.environ.get("CI"):
        pytest.fail("There is no prometheus on PATH.")
    if program is None:
        pytest.skip("not run: there is no prometheus on PATH")
    port, token = free_port(), folder / "flowdeck.token"
    token.write_text(site.token("operator"))
    config = folder / "prometheus.yml"
    config.write_text(
        json.dumps(  # which is YAML, too
            {
                "scrape_configs": [
                    {
                        "job_name": "flowdeck",
                        "scrape_interval": "1s",
                        "authorization": {"credentials_file": str(token)},
                        "static_configs": [{"targets": [site.url.removeprefix("http://")]}],
                    }
                ]
            }
        )
    )
    words = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    words.append(f"--web.listen-address=127.0.0.1:{port}")
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen([program, *words], stdout=log, stderr=log)

    def ask(query: str) -> dict[tuple[str, ...], float]:
        words = urllib.parse.urlencode({"query": query})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{words}") as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return {}  # it is just starting
        return {
            tuple(
                value for name, value in sorted(one["metric"].items()) if name != "__name__"
            ): float(one["value"][1])
            for one in found
        }

    try:
        eventually(lambda: ask("up") and all(ask("up").values()))
        yield ask
    finally:
        server.terminate()
        server.wait(30)


@contextmanager
def orders(site: Site) -> Iterator[list[int]]:
    """Placed steadily; those that were taken."""
    placed, stop = list[int](), threading.Event()

    def place() -> None:
        while not stop.wait(0.1):
            placed.append(site.order())

    thread = threading.Thread(target=place)
    thread.start()
    try:
        yield placed
    finally:
        stop.set()
        thread.join()


def workers(site: Site) -> list[psutil.Process]:
    """Those that live, with what they forked."""
    return [one for one in site.processes() if "eda_site.run.worker" in one.cmdline()]


def kill_workers(site: Site) -> None:
    """All at once; the supervisor starts others."""
    for one in eventually(lambda: workers(site)):
        one.kill()


def test_counters_equal_the_database_whoever_was_killed(tmp_path: Path) -> None:
    with Site.started(tmp_path / "home", free_port()) as site, a_prometheus(site, tmp_path) as ask:
        site.token("customer")
        with orders(site) as placed:
            for _ in range(_KILLS):
                before = len(placed)
                eventually(lambda before=before: len(placed) > before + 20)
                kill_workers(site)
        with psycopg.connect(site.environment["DATABASE_URL"], autocommit=True) as database:

            def rows(query: str) -> dict[tuple[str, ...], float]:
                return {tuple(one[:-1]): float(one[-1]) for one in database.execute(query)}

            def told() -> bool:
                if any(rows(_LEFT).values()) or any(rows(_TOLD).values()):
                    return False
                return ask(_EVENTS) == rows(_PRODUCED) and ask(_DELIVERIES) == rows(_DONE)

            eventually(told, within=180, every=0.5)
        assert len(placed) >= 20 * _KILLS
