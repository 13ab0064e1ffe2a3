"""docs/tutorial.md, followed to the letter: an empty folder, a fresh environment, Chromium."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.infra.conftest import ROOT
from tests.infra.guide import blocks, typed
from tests.polling import eventually
from tests.site import free_port, listens

pytestmark = [pytest.mark.long, pytest.mark.browser]

_PAGE = ROOT / "docs" / "tutorial.md"
_FIRST, _LATER = re.split(r"(?=## 4\. )", _PAGE.read_text())


@dataclass
class Reader:
    """Somebody who does what the page says, in an empty folder."""

    folder: Path
    wheel: Path
    port: int
    commands: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def types(self, command: str) -> subprocess.Popen[bytes]:
        """Start a command of the page; where the library lies and the port are this machine's."""
        self.commands += 1
        words = command.replace("/path/to/flowdeck", str(self.wheel))
        with (self.folder / "said.txt").open("ab") as output:
            return subprocess.Popen(
                ["/bin/bash", "-c", f"exec {words}" if "runserver" in words else words],
                cwd=self.folder,
                env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def does(self, command: str) -> None:
        """Type a command and wait for its end."""
        began = time.monotonic()
        assert self.types(command).wait() == 0, self.said()
        self.seconds[command] = time.monotonic() - began

    def writes(self, text: str) -> None:
        """Add the blocks of a part of the page to their files."""
        for name, code in blocks(text):
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text((file.read_text() if file.exists() else "") + code)

    def said(self) -> str:
        """All that commands have printed."""
        return (self.folder / "said.txt").read_text()


@pytest.fixture
def reader(tmp_path: Path, wheel: Path) -> Iterator[Reader]:
    """The project of the first three chapters, served."""
    reading = Reader(tmp_path, wheel, free_port())
    *commands, serve = typed(_FIRST)
    made = commands.index(next(one for one in commands if "startproject" in one)) + 1
    for command in commands[:made]:
        reading.does(command)
    reading.writes(_FIRST)
    for command in commands[made:]:
        reading.does(command)
    assert serve.endswith("runserver")
    began = time.monotonic()
    server = reading.types(f"{serve} {reading.port}")
    try:
        eventually(lambda: listens(reading.port) or server.poll() is not None)
        assert server.poll() is None, reading.said()
        reading.seconds[serve] = time.monotonic() - began
        yield reading
    finally:
        server.terminate()
        server.wait()


def test_the_first_event_is_seen_live_and_changed_code_is_run_at_once(
    reader: Reader, browser: Browser
) -> None:
    began = time.monotonic()
    site = f"http://127.0.0.1:{reader.port}"
    log, form = browser.new_page(), browser.new_page()
    _enter(log, f"{site}/events/")
    expect(log.locator(".conn")).to_have_attribute("data-state", "live")
    _announce(form, site, "Berlin")
    rows = log.locator("#log-rows > tr")
    expect(rows.filter(has_text="parcels.announced")).to_have_count(1)
    expect(rows.filter(has_text="parcels.label-printed")).to_have_count(1)
    reader.seconds["in the browser"] = time.monotonic() - began
    print(reader.commands, "commands", {name: round(s, 1) for name, s in reader.seconds.items()})
    assert reader.commands <= 6
    assert sum(s for name, s in reader.seconds.items() if "pip" not in name) < 120

    reader.writes(_LATER)
    eventually(lambda: reader.said().count("handled in this process") == 2)
    eventually(lambda: listens(reader.port))
    _announce(form, site, "Moon")
    expect(rows.filter(has_text="parcels.label-printed")).to_have_count(2)  # after coming back
    log.goto(f"{site}/dead-letters/")
    expect(log.locator("main")).to_contain_text("parcels.route")
    expect(log.locator("main")).to_contain_text("no depot there")
    for page in (log, form):
        page.close()


def _enter(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("enter-as-ada")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(address)


def _announce(page: Page, site: str, town: str) -> None:
    page.goto(f"{site}/announce/")
    page.get_by_label("To").fill(town)
    page.get_by_role("button", name="Announce").click()
    page.wait_for_load_state()
