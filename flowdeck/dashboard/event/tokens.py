"""JSON as pages colour it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from flowdeck.dashboard.shared.marks import json_class

_TOKEN = re.compile(r'("(?:\\.|[^"\\])*")(\s*:)?|(-?\d[\d.eE+-]*)|(true|false|null)')


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a payload's text and the class that colours it."""

    text: str
    kind: str = ""


def tokens(text: str) -> Iterator[Token]:
    """JSON text cut into pieces for colouring. The pieces are untrusted: templates escape them."""
    end = 0
    for match in _TOKEN.finditer(text):
        if match.start() > end:
            yield Token(text[end : match.start()])
        string, colon = match.group(1), match.group(2)
        if string and colon:
            yield Token(string, "jk")
            yield Token(colon)
        else:
            yield Token(match.group(), json_class(match.group()))
        end = match.end()
    if end < len(text):
        yield Token(text[end:])
