"""Tracebacks: the application's own frames apart from those of libraries."""

from __future__ import annotations

import traceback

from flowdeck.dashboard.shared.stack import groups_of
from flowdeck.engine import attempt

TEXT = """Traceback (most recent call last):
  File "{engine}", line 31, in attempt
    result = processor.handler(event)
  File "/venv/lib/python3.11/site-packages/django/x.py", line 7, in inner
    return func()
           ^^^^^^
  File "/app/events/payment.py", line 12, in charge
    gateway.charge(<script>alert(1)</script>)
processors.gateway.Timeout: no answer
""".replace("{engine}", attempt.__file__)


def test_own_frames_are_told_apart() -> None:
    first, own = groups_of(TEXT)
    assert [frame.own for frame in first.frames] == [False, False]
    (frame,) = own.frames
    assert (frame.file, frame.line, frame.name) == ("events/payment.py", 12, "charge")
    assert frame.code == "gateway.charge(<script>alert(1)</script>)"


def test_what_is_no_traceback_has_no_frames() -> None:
    assert groups_of("") == []
    assert groups_of("the worker died") == []


def test_a_real_one() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        text = "".join(traceback.format_exception(error))
    (group,) = groups_of(text)
    assert group.own
    assert group.frames[0].name == "test_a_real_one"
