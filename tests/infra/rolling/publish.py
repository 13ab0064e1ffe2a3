"""``python -m tests.infra.rolling.publish RATE``: publishes as its age does until told to end.

Says how many there were.
"""

import signal
import sys
import threading
import time
from importlib import import_module

import django

django.setup()

from django.conf import settings  # noqa: E402

from flowdeck import publish  # noqa: E402

_STREAMS = 20


def main(rate: float) -> int:
    """Publish so many a second; how many until SIGTERM."""
    code, end = import_module(f"tests.infra.rolling.{settings.CODE}"), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    began, n = time.monotonic(), 0
    while not end.wait(max(0.0, began + n / rate - time.monotonic())):
        publish(code.made(n), stream=f"parcel-{n % _STREAMS}")
        n += 1
    return n


if __name__ == "__main__":
    print(main(float(sys.argv[1])))
