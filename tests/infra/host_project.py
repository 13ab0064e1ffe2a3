"""A Django project of somebody else's, with the library installed beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eda_site.environment import broker_url
from tests.infra.commands import ran
from tests.infra.guide import blocks
from tests.polling import eventually
from tests.site import free_port

Maker = Callable[[str], "Host"]
"""Makes the project with Flowdeck installed as a ``wheel`` or ``editable``; each way once."""

_HERE = Path(__file__).resolve().parent
_GUIDE = _HERE.parents[1] / "docs" / "own_project.md"


@dataclass(frozen=True)
class Host:
    """The project, with Flowdeck installed in a virtual environment of its own."""

    folder: Path
    python: Path
    environment: dict[str, str]

    def run(self, *words: str) -> str:
        """What a command prints that the project's Python runs; a failure fails the test."""
        done = ran(self.folder, self.environment, *words, python=self.python)
        return done.stdout + done.stderr

    def manage(self, *commands: Sequence[str]) -> str:
        """What commands print, one after the other in one process: to start it takes longest."""
        code = f"""
from django.core.management import call_command
for words in {commands!r}:
    call_command(*words)
"""
        return self.run("manage.py", "shell", "-v0", "-c", code)

    def asked(self, codes: Mapping[str, str]) -> dict[str, Any]:
        """What pieces of code print as JSON that know the project, all in one process."""
        code = f"""
import contextlib, io, json
said = {{}}
for name, code in {dict(codes)!r}.items():
    with contextlib.redirect_stdout(io.StringIO()) as told:
        exec(code, {{}})
    said[name] = json.loads(told.getvalue())
print(json.dumps(said))
"""
        said = self.run("manage.py", "shell", "-v0", "-c", code)
        return dict(json.loads(said.splitlines()[-1]))

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The address at which uvicorn serves it."""
        port = free_port()
        log = self.folder / "uvicorn.log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [self.python, "-m", "uvicorn", "mysite.asgi:application", "--port", str(port)],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            eventually(lambda: "Uvicorn running on" in log.read_text() or server.poll() is not None)
            assert server.poll() is None, log.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def written(folder: Path) -> None:
    """The project's files, with what the guide adds to them."""
    shutil.copytree(_HERE / "host", folder, dirs_exist_ok=True)
    for name, code in blocks(_GUIDE):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + code)


def installed(venv: Path, *what: str) -> Path:
    """A virtual environment that sees what this one has, and ``what`` installed in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = venv / "bin" / "python"
    [packages] = venv.glob("lib/*/site-packages")
    (packages / "_dependencies.pth").write_text(sysconfig.get_path("purelib"))
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", *what]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *words], check=True)
    return python


def stored(folder: Path, redis_url: str, *what: str) -> Host:
    """The project after the guide was followed, with something stored."""
    written(folder)
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "installed"),
        "REDIS_URL": redis_url,
        "CELERY_BROKER_URL": broker_url(redis_url),
    }
    del environment["DJANGO_SETTINGS_MODULE"]
    host = Host(folder, installed(folder / "venv", *what), environment)
    host.manage(
        ("migrate", "-v0"), ("flowdeck", "groups"), ("shell", "-v0", "-c", _STORE), ("drain",)
    )
    return host


_STORE = """
from django.contrib.auth.models import Group
from flowdeck import publish
from mysite.events.events import ConcertAnnounced
from mysite.members.models import Member
Member.objects.create_superuser("ada@example.org", password="enter-as-ada")
bob = Member.objects.create_user("bob")
bob.groups.add(*[Group.objects.get_or_create(name=name)[0] for name in ("admin", "operator")])
vera = Member.objects.create_user("vera" + 304 * "a" + "@example.org")
vera.groups.add(Group.objects.get(name="flowdeck-viewer"))
publish(ConcertAnnounced(title="Erewhon"), stream="concert-1")
publish(ConcertAnnounced(title=""), stream="concert-2")
"""
