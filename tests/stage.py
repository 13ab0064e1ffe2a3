"""A site and a Chromium to look at it, for pictures and measurements."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.site import Site, free_port

_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@contextmanager
def a_chromium() -> Iterator[Browser]:
    """Without a window. Exits if there is none on PATH."""
    programs = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    program = next(filter(None, programs), None)
    if program is None:
        raise SystemExit("There is no Chromium on PATH.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def a_stage() -> Iterator[tuple[Browser, Site]]:
    """The browser, and the site in a folder of its own. Exits if there is no Chromium."""
    with (
        tempfile.TemporaryDirectory(prefix="fd-") as home,
        Site.started(Path(home), free_port()) as site,
        a_chromium() as browser,
    ):
        yield browser, site
