"""``make run``: what it starts comes up, is kept up, and is gone when it stops."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.infra.production import clone
from tests.polling import eventually
from tests.site import Site, free_port

pytestmark = pytest.mark.long


def workers_of(site: Site) -> list[psutil.Process]:
    """Worker processes: the parent first."""
    found = [p for p in site.processes() if "eda_site.run.worker" in " ".join(p.cmdline())]
    return sorted(found, key=lambda process: process.create_time())


def another(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Try to start a second one."""
    environment = {**os.environ, "FLOWDECK_HOME": str(home), "PORT": str(port), "REDIS_URL": ""}
    environment["DATABASE_URL"] = ""
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "-m", "eda_site.run"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


_REVIEW = """
import json
from flowdeck.checklist import answer_all
print(json.dumps([one.as_json() for one in answer_all(redeliver=True)]))
"""


def nothing_is_said_to_be_wrong(site: Site) -> None:
    """The design review of a demo that has just begun: what is wrong there is so on purpose.

    How far read models are behind is the machine's affair.
    """

    def settled() -> bool:
        return not any(row["waiting"] for row in site.api("/processors", user="operator"))

    eventually(settled, within=180)
    review = json.loads(site.manage("shell", "-v0", "-c", _REVIEW).splitlines()[-1])
    assert len(review) == 10
    wrong = [one for one in review if one["verdict"] not in ("pass", "untried")]
    assert [one for one in wrong if one["number"] != 9] == []


def test_a_second_one_beside_it_says_what_is_wrong(site: Site, tmp_path: Path) -> None:
    same_home = another(site.home, free_port())
    assert same_home.returncode == 1
    assert str(site.process.pid) in same_home.stderr
    same_port = another(tmp_path, int(site.url.rpartition(":")[2]))
    assert same_port.returncode == 1
    assert "PORT=" in same_port.stderr


def test_a_port_taken_by_something_else_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = another(tmp_path, port)
    assert refused.returncode == 1
    assert str(port) in refused.stderr


def test_what_dies_comes_back_and_what_is_stopped_or_killed_leaves_nothing(tmp_path: Path) -> None:
    with Site.started(tmp_path / "home", free_port()) as site:
        nothing_is_said_to_be_wrong(site)
        site.order()  # makes the token, too
        before = {process.pid for process in workers_of(site)}
        assert before
        for process in workers_of(site):
            process.kill()
        order = site.order()
        eventually(lambda: site.status(order) == "confirmed")
        assert {process.pid for process in workers_of(site)}.isdisjoint(before)
        assert "ok" in site.manage("verify")
        assert site.stop() == 0
        assert site.processes() == []
    # The next start is clean, and what was there is still there.
    with Site.started(tmp_path / "home", free_port()) as again:
        assert again.status(order) == "confirmed"
        os.kill(again.process.pid, signal.SIGKILL)
        again.process.wait()
        eventually(lambda: again.processes() == [])


def test_make_run_without_the_demo_serves_from_a_clean_clone(tmp_path: Path) -> None:
    """Hashed files, no account that everybody knows, nothing left when it is stopped."""
    code, port = tmp_path / "clone", free_port()
    clone(code)
    (code / ".venv").symlink_to(sys.prefix)
    environment = {
        **{name: value for name, value in os.environ.items() if "DJANGO" not in name},
        "FLOWDECK_HOME": str(tmp_path / "home"),
        "FLOWDECK_DEMO": "0",
        "SECRET_KEY": "a long random text that is made for this test and for nothing else",
        "ALLOWED_HOSTS": "localhost",
        "TRUSTED_PROXIES": "127.0.0.1",
        "PORT": str(port),
        "DATABASE_URL": "",
        "REDIS_URL": "",
    }
    log = tmp_path / "output.log"
    with log.open("wb") as output:
        run = subprocess.Popen(
            ["make", "-o", ".venv/.installed", "run"],  # what is installed stays as it is
            cwd=code,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    processes: list[psutil.Process] = []
    try:
        eventually(lambda: _got(port, "/readyz") or run.poll() is not None, within=180)
        assert run.poll() is None, log.read_text()[-3000:]
        processes = psutil.Process(run.pid).children(recursive=True)
        page = _got(port, "/accounts/login/")
        assert "teacher" not in page
        files = re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', page)
        assert files
        assert all(re.search(r"\.[0-9a-f]{12}\.", one) and _got(port, one) for one in files)
        os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does
        run.wait(30)
        eventually(lambda: not any(one.is_running() for one in processes))
    finally:
        for one in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)


def _got(port: int, path: str) -> str:
    """The text at ``path`` as a proxy with TLS in front asks for it; "" if it is not there."""
    headers = {"Host": "localhost", "X-Forwarded-Proto": "https"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
