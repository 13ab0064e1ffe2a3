"""JSON as it is stored, read for showing: what nobody can read says so, and is never an error.

The log is append-only, so a page that fails on one row would fail for good. What lets rows in is
:mod:`flowdeck.log.storable`; this is for those that came in otherwise.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

DEEPEST = 210
"""Levels of nesting that pages can show."""
UNREADABLE = "$unreadable"
"""The one field of an object that stands for what can't be read; its value says why."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_object(text: str) -> dict[str, Any]:
    """The JSON object of ``text``; numbers that Python has no value for are texts in it."""
    if text.count("[") + text.count("{") > DEEPEST and _deepest(text) > DEEPEST:
        return {UNREADABLE: f"nested deeper than {DEEPEST} levels"}
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=str)
    except ValueError:
        value = _with_long_numbers(text)
    if not isinstance(value, dict):
        return {UNREADABLE: "not an object"}
    return _whole(value) if _SURROGATE.search(text) else value


def _with_long_numbers(text: str) -> Any:
    try:
        return json.loads(text, parse_float=_finite, parse_constant=str, parse_int=_integer)
    except ValueError:
        return None


def _finite(text: str) -> Any:
    number = float(text)
    return number if math.isfinite(number) else text


def _integer(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        return text


def _deepest(text: str) -> int:
    """How deep it is nested; told without parsing, which would overflow the stack."""
    depth = most = 0
    in_text = escaped = False
    for character in text:
        if in_text:
            in_text, escaped = escaped or character != '"', not escaped and character == "\\"
        elif character == '"':
            in_text = True
        elif character in "[{":
            depth += 1
            most = max(most, depth)
        elif character in "]}":
            depth -= 1
    return most


def _whole(value: Any) -> Any:
    """With U+FFFD in place of each half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(part) for part in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(part) for name, part in value.items()}
    return value
