"""Flowdeck as the README runs it in production: from a clean clone, behind nginx with TLS."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.infra.quiet import BUSY
from tests.polling import eventually
from tests.run import a_postgresql, a_redis
from tests.site import free_port

ROOT = Path(__file__).resolve().parents[2]
GONE_SECONDS = 10 * BUSY
"""How long a process may take from SIGTERM to its end."""

PASSWORD = "correct horse battery staple"
_READY_SECONDS = 120
_EXPORT = re.compile(r"(\w+)=\S+")


def clone(to: Path) -> None:
    """What a clean clone has: the files that git knows, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, to / name)


def commands(page: str, heading: str) -> tuple[set[str], list[str]]:
    """The variables and the commands of the first block of code below a heading of the docs."""
    _, _, rest = (ROOT / page).read_text().partition(f"\n## {heading}")
    block = re.search(r"```sh\n(.*?)```", rest, re.DOTALL)
    assert block, f"{page} has no commands below {heading!r}."
    lines = [line.partition("  #")[0].strip() for line in block[1].splitlines()]
    exports = " ".join(line for line in lines if line.startswith("export "))
    return set(_EXPORT.findall(exports)), [one for one in lines if not one.startswith("export ")]


class Production:
    """A deployment: its processes, and the address that people open."""

    def __init__(self, home: Path, services: ExitStack) -> None:
        self.home = home
        self.code = home / "clone"
        self.https = free_port()
        self.ports = [free_port(), free_port()]
        self.url = f"https://localhost:{self.https}"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._services = services
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "FLOWDECK_HOME": str(home / "home"),
            "DATABASE_URL": services.enter_context(a_postgresql()),
            "REDIS_URL": services.enter_context(a_redis(home)),
            "SECRET_KEY": "a long random text that is made for this deployment and no other",
            "ALLOWED_HOSTS": "localhost",
            "FLOWDECK_DEMO": "0",
            "TRUSTED_PROXIES": "127.0.0.1",
            "HOST": "127.0.0.1",
            "PORT": "8000",
            "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        }

    def prepare(self) -> None:
        """Clone, then everything of the docs that is done once."""
        clone(self.code)
        named, listed = commands("README.md", "Your own database, Redis and broker")
        prepare, self.web, self.worker = listed
        first, accounts = commands("docs/deployment.md", "First account, first products")
        assert named | first <= set(self.environment)
        for command in (prepare, *accounts):
            self.run(command)

    def run(self, command: str) -> str:
        """Run a command of the docs to its end; return what it printed."""
        done = subprocess.run(
            ["bash", "-ec", command],
            cwd=self.code,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}"
        return done.stdout

    def start(self, *names: str) -> None:
        """Start ``web0``, ``web1``, ``worker``; wait until those of the web answer."""
        for name in names:
            command = self.worker if name == "worker" else self.web
            log = (self.home / f"{name}.log").open("ab")
            self._services.callback(log.close)
            self._running[name] = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.code,
                env={**self.environment, "PORT": str(self._port(name))},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for name in set(names) - {"worker"}:
            eventually(lambda name=name: self._answers(name), within=_READY_SECONDS, every=0.1)

    def _port(self, name: str) -> int:
        return self.ports[1 if name == "web1" else 0]

    def stop(self, name: str) -> float:
        """Send SIGTERM and wait for the end; how many seconds it took."""
        process, began = self._running.pop(name), time.monotonic()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
        return time.monotonic() - began

    def stop_all(self) -> None:
        """End whatever runs, at once."""
        for process in self._running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._running.clear()

    def open(self, path: str, **more: object) -> urllib.request.Request:
        """A request to the address that people open."""
        return urllib.request.Request(f"{self.url}{path}", **more)  # type: ignore[arg-type]

    @property
    def trust(self) -> ssl.SSLContext:
        """Trusts the deployment's own certificate, and no other."""
        return ssl.create_default_context(cafile=str(self.home / "fullchain.pem"))

    def _answers(self, name: str) -> bool:
        process = self._running[name]
        assert process.poll() is None, (self.home / f"{name}.log").read_text()[-3000:]
        headers = {"Host": "localhost", "X-Forwarded-Proto": "https"}
        address = f"http://127.0.0.1:{self._port(name)}/accounts/login/"
        asked = urllib.request.Request(address, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @contextmanager
    def proxied(self) -> Iterator[None]:
        """Behind nginx with deploy/nginx.conf, with our ports and a certificate of our own."""
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if program is None and os.environ.get("CI"):
            pytest.fail("There is no nginx.")
        if program is None:
            pytest.skip("not run: there is no nginx")
        config = self.home / "nginx.conf"
        config.write_text(self._nginx())
        self._certificate()
        server = subprocess.Popen([program, "-p", str(self.home), "-c", str(config)])
        try:
            yield
        finally:
            server.terminate()
            server.wait(30)

    def _nginx(self) -> str:
        site = (ROOT / "deploy" / "nginx.conf").read_text()
        changes = {
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
            "flow.example.org": "localhost",
            "/etc/ssl/flowdeck": str(self.home),
            "127.0.0.1:8001": f"127.0.0.1:{self.ports[0]}",
            "127.0.0.1:8002": f"127.0.0.1:{self.ports[1]}",
        }
        for before, after in changes.items():
            assert before in site
            site = site.replace(before, after)
        written = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = "\n".join(f"{one}_temp_path {self.home}/{one};" for one in written)
        head = f"daemon off; pid {self.home}/nginx.pid; error_log {self.home}/nginx.log;"
        user = "user root;" if os.getuid() == 0 else ""  # so that it may look into our folder
        return f"{user}{head}\nevents {{}}\nhttp {{ access_log off;\n{paths}\n{site}\n}}\n"

    def _certificate(self) -> None:
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = [
            "-keyout",
            str(self.home / "privkey.pem"),
            "-out",
            str(self.home / "fullchain.pem"),
        ]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
        subprocess.run(
            ["openssl", "req", "-x509", *key, *names, *files],
            check=True,
            capture_output=True,
        )


@contextmanager
def production(home: Path) -> Iterator[Production]:
    """A deployment that is prepared and proxied; nothing of it outlives the block."""
    with ExitStack() as services:
        one = Production(home, services)
        services.callback(one.stop_all)
        one.prepare()
        services.enter_context(one.proxied())
        yield one
