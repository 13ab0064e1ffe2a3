"""The worker: Celery, behind everything that somebody is waiting for.

On one machine pages and workers share the processors. Work that is done a little later is still
done; a page that answers late looks broken. So workers step back, and a flood of events leaves the
web process, the database and the browser their time.
"""

from __future__ import annotations

import sys

from eda_site.celery import app
from eda_site.run.priority import step_back
from eda_site.tracing import send_spans


def main(arguments: list[str]) -> None:
    """Run ``celery worker`` with these arguments until told to stop."""
    step_back()
    send_spans("flowdeck-worker")
    app.start(["--quiet", "worker", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
