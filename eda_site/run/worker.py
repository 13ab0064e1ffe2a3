"""The worker: Celery, behind everything that somebody is waiting for.

On one machine pages and workers share the processors. Work that is done a little later is still
done; a page that answers late looks broken. So workers step back, and a flood of events leaves the
web process, the database and the browser their time.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from eda_site.celery import app

_NICE = 10
# Linux weighs whole sessions first, if it is built so; a nice process in a session of its own is as
# important as all others then. See sched(7), "The autogroup feature".
_SESSION = Path("/proc/self/autogroup")


def main(arguments: list[str]) -> None:
    """Run ``celery worker`` with these arguments until told to stop."""
    _step_back()
    app.start(["--quiet", "worker", *arguments])


def _step_back() -> None:
    os.nice(_NICE)
    if os.getsid(0) == os.getpid() and _SESSION.exists():
        with suppress(OSError):  # a container may not let us; then it is as it was
            _SESSION.write_text(str(_NICE))


if __name__ == "__main__":
    main(sys.argv[1:])
