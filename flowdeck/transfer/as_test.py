"""A failed delivery as a test: a pytest file that gives its events and fails as it did.

It uses the test kit (:mod:`flowdeck.testing`): the events of its stream up to the one that failed
are given, personal values masked, and its processor works on them. What it fails with is what the
handler raises, as long as the cause is there; once that is mended, the test passes and can stay.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from flowdeck.declare.event import StoredEvent
from flowdeck.declare.registry import registry
from flowdeck.errors import FlowdeckError
from flowdeck.log.append import read_stream
from flowdeck.log.payloads import load
from flowdeck.models import Attempt, Delivery
from flowdeck.privacy.masking import masked_event

MOST = 100
"""Events of the stream that are given, the last ones."""
_LONGEST_REASON, _LONGEST_NAME = 300, 100
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class NoTest(FlowdeckError):
    """A delivery that can't be given in a test; the message says why."""


@dataclass(frozen=True, slots=True)
class Made:
    """The name of a file, and what is in it."""

    file: str
    text: str


def as_test(delivery: Delivery) -> Made:
    """A test file for a delivery that has its event loaded. Raises NoTest."""
    event = delivery.event
    if delivery.processor not in registry.processors:
        raise NoTest(f"No installed app declares {delivery.processor}: there is nothing to test.")
    stored = read_stream(event.stream, max(0, event.sequence - MOST), event.sequence)
    words = f"{delivery.processor}_on_{_CAMEL.sub('_', event.type)}"
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:_LONGEST_NAME]
    text = _FILE.format(
        what=_plain(f"{delivery.processor} on {event.type} of {event.stream}"),
        position=event.position,
        failure=_failure(delivery),
        name=name,
        given="\n".join(_draft(one) for one in stored),
        processor=_literal(delivery.processor),
    )
    return Made(f"test_{name}.py", text)


_FILE = '''"""{what} (position {position}).

{failure}
Personal values are masked. It fails as long as the cause is there.
"""

from flowdeck import Draft, parse


def test_{name}(flow):
    flow.given(
{given}
    )
    flow.run({processor}).nothing_dead()
'''


def _draft(stored: StoredEvent) -> str:
    try:
        event = masked_event(load(stored))
    except Exception as error:  # code of the project runs in it: upcasters and validators
        reason = f": {error}" if isinstance(error, FlowdeckError) else f" ({type(error).__name__})"
        raise NoTest(
            f"{stored.type} at position {stored.position} can't be loaded, so it can't be given"
            f"{reason}"
        ) from error
    data = _literal(json.loads(event.model_dump_json()), 3)
    return (
        "        Draft(\n"
        f"            parse({_literal(stored.type)}, {data}),\n"
        f"            stream={_literal(stored.stream)},\n"
        "        ),"
    )


def _literal(value: Any, depth: int = 0) -> str:
    """A value of JSON as Python has it, one line for each item."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value:
        return repr(value)
    pad = "    " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{_literal(name)}: {_literal(one, depth + 1)}" for name, one in value.items()]
    else:
        items = [_literal(one, depth + 1) for one in value]
    lines = "".join(f"{pad}{item},\n" for item in items)
    begin, end = "{}" if isinstance(value, dict) else "[]"
    return f"{begin}\n{lines}{'    ' * depth}{end}"


def _failure(delivery: Delivery) -> str:
    tries = Attempt.objects.filter(event_id=delivery.event_id, processor=delivery.processor)
    last = tries.order_by("-number", "-id").defer("traceback").first()
    if last is None:
        return "It has not failed."
    return f"It failed with {_plain(last.error)}: {_plain(last.message)}"


def _plain(text: str) -> str:
    """On one line, and nothing that would end the text that it stands in."""
    shown = "".join(c if c.isprintable() else " " for c in text[:_LONGEST_REASON])
    return " ".join(shown.split()).replace("\\", "/").replace('"', "'")
