"""``RELOAD=1 make run``: web and workers start again when code changes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from eda_site.run.code import Code
from eda_site.run.output import Output
from eda_site.run.process import Command, Process
from eda_site.run.watchdog import Watchdog
from tests.polling import eventually

_SLEEPER = "import os, time; print('began', os.getpid(), flush=True); time.sleep(600)"


def test_a_file_that_comes_changes_or_goes_is_seen_once(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    file, code = tmp_path / "events" / "orders.py", Code(tmp_path)
    for change in (file.touch, lambda: os.utime(file, (1, 1)), file.unlink):
        assert not code.has_changed()
        change()
        assert code.has_changed()


def test_a_process_starts_again_at_once_and_not_as_after_a_death(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        watchdog = Watchdog(lock.fileno())
        output = Output("sleeper", tmp_path)
        process = Process(Command("sleeper", [sys.executable, "-c", _SLEEPER]), output, watchdog)
        process.start()
        try:
            for times in (1, 2):
                eventually(lambda times=times: output.path.exists() and _begun(output) == times)
                process.start_again()
            eventually(lambda: _begun(output) == 3)
            assert process.failures == 0
        finally:
            process.ask_to_stop()
            process.wait_stopped(time.monotonic() + 10)
            watchdog.close()
            output._file.close()


def _begun(output: Output) -> int:
    return output.path.read_text().count("began")
