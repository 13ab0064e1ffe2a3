"""The library in somebody else's project: two pages of the documentation, run as they stand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eda_site.environment import broker_url
from tests.infra.commands import ran
from tests.infra.guide import blocks
from tests.polling import eventually

pytestmark = pytest.mark.long

_ROOT = Path(__file__).resolve().parents[2]
_GUIDES = [_ROOT / "docs" / name for name in ("writing_processors.md", "extending.md")]
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

_HOOKED = """
import json, re
from django.contrib.auth.models import Group, User
from django.test import Client
from flowdeck import read_log
from library.hooks import Shelves

def person(name, group="", **more):
    user = User.objects.create_user(name, **more)
    if group:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    browser = Client(headers={"host": "localhost"})
    browser.force_login(user)
    return browser

def text(browser, path):
    answer = browser.get(path, follow=True)
    return " ".join(re.sub("<[^>]*>", " ", answer.content.decode()).split())

keeper, stranger = person("kim", "librarians"), person("sam", "admin")
reader, traces = person("ann", pk=7), {e.payload["reader_id"]: e.correlation_id
                                      for e in read_log() if e.type == "BookLent"}
page = text(keeper, "/shelves/")
stream, fragments = text(keeper, "/streams/book-1/"), Shelves(None, "").regions()
print(json.dumps({
    "entry": "Library Shelves 1 lent" in page,
    "notice": "Stocktaking today" in page,
    "search": "book-1" in text(keeper, "/search/?q=book+1"),
    "record": "Book 1" in text(keeper, f"/traces/{traces[7]}/"),
    "fold and rows": [word in stream for word in ("times", "lent 2 times")],
    "live": [one.id for one in fragments if "1 lent" in one.html],
    "reader": [reader.get(f"/traces/{traces[n]}/").status_code for n in (7, 8)],
    "keeper": [keeper.get(path).status_code for path in ("/events/", "/processors/")],
    "stranger": [stranger.get(path).status_code for path in ("/shelves/", "/events/", "/alerts/")],
}))
"""


@dataclass(frozen=True)
class Project:
    """A Django project that knows ``flowdeck`` from its wheel alone."""

    folder: Path
    environment: dict[str, str]

    def manage(self, *words: str) -> str:
        """What ``manage.py`` prints; a failure fails the test with all of it."""
        return ran(self.folder, self.environment, "manage.py", *words).stdout

    def shell(self, code: str) -> str:
        """What code prints that knows the project."""
        return self.manage("shell", "--verbosity", "0", "--command", code)


@pytest.fixture
def project(wheel: Path, redis_url: str, tmp_path: Path) -> Project:
    """What the guide makes, migrated."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "installed"),
        "REDIS_URL": redis_url,
        "CELERY_BROKER_URL": broker_url(redis_url),
    }
    del environment["DJANGO_SETTINGS_MODULE"]
    admin = [sys.executable, "-m", "django"]
    for words in (["startproject", "mysite", "."], ["startapp", "library"]):
        subprocess.run([*admin, *words], cwd=tmp_path, env=environment, check=True)
    settings = tmp_path / "mysite" / "settings.py"
    settings.write_text("import os\n" + settings.read_text())
    for name, code in blocks(*_GUIDES):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((file.read_text() if file.exists() else "") + code)
    made = Project(tmp_path, environment)
    made.manage("makemigrations", "library")
    made.manage("migrate")
    made.manage("flowdeck", "groups")
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


def test_the_guides_make_a_project_that_works(project: Project, worker: None) -> None:
    project.manage("check")
    project.shell(_LEND.format(password=os.urandom(8).hex()))
    state = "from flowdeck.models import Delivery, Event; from library.models import Shelf; print("
    done = state + "Delivery.objects.exclude(state='done').count(), Event.objects.count(), "
    done += "list(Shelf.objects.values_list('book_id', 'times_lent')))"
    eventually(lambda: project.shell(done).strip() == "0 4 [(1, 2)]")

    pages = project.shell(_LOOK).splitlines()
    assert [page for page in pages if not page.endswith(" 200 []")] == []
    assert len(pages) == 11
    assert "ok     every book that is lent is on a shelf" in project.manage("verify")
    assert json.loads(project.shell(_HOOKED)) == {
        "entry": True,
        "notice": True,
        "search": True,
        "record": True,
        "fold and rows": [True, True],
        "live": ["shelves", "count-shelves"],
        "reader": [200, 404],
        "keeper": [200, 403],
        "stranger": [403, 403, 403],
    }
