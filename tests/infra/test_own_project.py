"""The engine in somebody else's project: docs/writing_processors.md, run as it stands."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eda_site.environment import broker_url
from tests.polling import eventually

_ROOT = Path(__file__).resolve().parents[2]
_GUIDE = _ROOT / "docs" / "writing_processors.md"
_LEND = """
from django.contrib.auth.models import User
from library.models import Book
User.objects.create_superuser("ada", password="{password}")
book = Book.objects.create(title="Erewhon")
book.lend(reader_id=7)
book.lend(reader_id=8)
"""
_LOOK = """
import re
from django.test import Client
from django.contrib.auth.models import User
from django.urls import reverse
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.get())
for name in ("timeline", "log", "traces", "flow", "catalog", "processors", "dead_letters", "audit",
             "replay", "design_review", "account"):
    answer = client.get(reverse(f"flowdeck:{name}"))
    text = re.sub("<[^>]*>", " ", answer.content.decode()).lower()
    print(name, answer.status_code, [word for word in ("shop", "payment") if word in text])
"""


@dataclass(frozen=True)
class Project:
    """A Django project that knows ``flowdeck`` from its wheel alone."""

    folder: Path
    environment: dict[str, str]

    def manage(self, *words: str) -> str:
        """What ``manage.py`` prints; a failure fails the test with all of it."""
        run = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def shell(self, code: str) -> str:
        """What code prints that knows the project."""
        return self.manage("shell", "--verbosity", "0", "--command", code)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--wheel-dir",
            folder,
            _ROOT,
        ],
        check=True,
    )
    [packed] = folder.glob("*.whl")
    zipfile.ZipFile(packed).extractall(folder / "unpacked")
    return folder / "unpacked"


@pytest.fixture
def project(wheel: Path, redis_url: str, tmp_path: Path) -> Project:
    """What the guide makes, migrated."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(wheel),
        "REDIS_URL": redis_url,
        "CELERY_BROKER_URL": broker_url(redis_url),
    }
    del environment["DJANGO_SETTINGS_MODULE"]
    admin = [sys.executable, "-m", "django"]
    for words in (["startproject", "mysite", "."], ["startapp", "library"]):
        subprocess.run([*admin, *words], cwd=tmp_path, env=environment, check=True)
    settings = tmp_path / "mysite" / "settings.py"
    settings.write_text("import os\n" + settings.read_text())
    for name, code in _blocks():
        file = tmp_path / name
        file.write_text((file.read_text() if file.exists() else "") + code)
    made = Project(tmp_path, environment)
    made.manage("makemigrations", "library")
    made.manage("migrate")
    return made


@pytest.fixture
def worker(project: Project) -> Iterator[None]:
    """A Celery worker of the project."""
    running = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "mysite", "worker", "--concurrency", "1"],
        cwd=project.folder,
        env=project.environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _blocks() -> Iterator[tuple[str, str]]:
    """The guide's blocks that begin with a file's name."""
    for code in re.findall(r"```python\n(.*?)```", _GUIDE.read_text(), re.DOTALL):
        if named := re.match(r"# (\w+/\w+\.py)\n", code):
            yield named[1], code


def test_the_guide_makes_a_project_that_works(project: Project, worker: None) -> None:
    project.manage("check")
    project.shell(_LEND.format(password=os.urandom(8).hex()))
    state = "from flowdeck.models import Delivery, Event; from library.models import Shelf; print("
    done = state + "Delivery.objects.exclude(state='done').count(), Event.objects.count(), "
    done += "list(Shelf.objects.values_list('book_id', 'times_lent')))"
    eventually(lambda: project.shell(done).strip() == "0 4 [(1, 2)]")

    pages = project.shell(_LOOK).splitlines()
    assert [page for page in pages if not page.endswith(" 200 []")] == []
    assert len(pages) == 11
    assert "ok" in project.manage("verify").lower()
