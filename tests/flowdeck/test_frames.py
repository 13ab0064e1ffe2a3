"""Whose frame it is, wherever code and Python lie."""

from __future__ import annotations

import json

import pytest

import flowdeck
from flowdeck.frames import is_application, library_folders

_DEBIAN = library_folders({"stdlib": "/usr/lib/python3.11", "platstdlib": "/usr/lib/python3.11"})


@pytest.mark.parametrize(
    "file",
    [
        "/srv/site/events/handlers.py",  # an app called as the library once was
        "/srv/flowdeck-site/orders.py",
        "/usr/share/site/orders/handlers.py",  # below sys.prefix of Debian's Python
        "/usr/lib/site/orders.py",
        "/usr/lib/python3.11-site/orders.py",
        "/home/ann/lib/python/orders.py",
    ],
)
def test_the_applications_own(file: str) -> None:
    assert is_application(file, _DEBIAN)


@pytest.mark.parametrize(
    "file",
    [
        "/usr/lib/python3.11/decimal.py",
        "/usr/lib/python3.11/lib-dynload/_json.so",
        "/usr/lib/python3/dist-packages/django/db/models/query.py",
        "/usr/local/lib/python3.11/dist-packages/redis/client.py",
        "/srv/site/.venv/lib/python3.12/site-packages/redis/client.py",  # inside of the project
        flowdeck.__file__,
        "<frozen importlib._bootstrap>",
        "<string>",
    ],
)
def test_a_librarys(file: str) -> None:
    assert not is_application(file, _DEBIAN)


def test_of_this_very_python() -> None:
    assert is_application(__file__)
    assert not is_application(json.__file__)
    assert not is_application(pytest.__file__)
