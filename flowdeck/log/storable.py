"""What a stored event may hold: the one place that says so, whichever way it comes in.

What is published, imported or sent over HTTP goes through here before any statement. The log is
append-only, so what gets in stays for good: it must be readable again by every page and processor.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from flowdeck.conf import conf
from flowdeck.errors import InvalidEnvelope, InvalidPayload, InvalidStream, PayloadTooLarge

DEEPEST = 100
"""Levels of nesting in a payload; JSON parsers give up at some 200."""
DIGITS = 4_300
"""Digits of a number; Python reads no longer ones."""
FIRST_YEAR, LAST_YEAR = 1000, 8999
"""Years of times: far enough from where arithmetic with them overflows."""

_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_LONGEST = {"type": 100, "stream": 200, "key": 200, "producer": 64, "timer": 100, "id": 200}
# An escaped NUL that is not itself the tail of an escaped backslash.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


@lru_cache(maxsize=10_000)
def checked_stream(name: str | None) -> str:
    """The name of a stream. Raises InvalidStream."""
    if name is None or len(name) > _LONGEST["stream"] or not _NAME.fullmatch(name):
        raise InvalidStream(
            "An event needs a stream name of 1 to 200 characters without white space (such as "
            f"'parcel-42'), not {name and name[:80]!r}."
        )
    return name


@lru_cache(maxsize=10_000)
def checked_line(what: str, text: str, where: str = "An event") -> str:
    """A type, key, producer, timer or id (``what``): one line of text, a type even a single word.

    Raises InvalidEnvelope, which says ``where``.
    """
    pattern = _NAME if what == "type" else _LINE
    longest = _LONGEST[what]
    if len(text) > longest or not pattern.fullmatch(text):
        without = "white space and control" if what == "type" else "line breaks and control"
        raise InvalidEnvelope(
            f"{where} needs a {what} of 1 to {longest} characters, without {without} characters, "
            f"not {text[:80]!r}."
        )
    return text


def checked_time(what: str, moment: datetime) -> datetime:
    """A time with its zone, in the years that can be counted with. Raises InvalidEnvelope."""
    if moment.tzinfo is None:
        raise InvalidEnvelope(f"{what} {moment.isoformat()} has no zone: give one, such as UTC.")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise InvalidEnvelope(
            f"{what} {moment.isoformat()} is not in the years {FIRST_YEAR} to {LAST_YEAR}."
        )
    return moment


def as_text(what: str, data: Mapping[str, Any]) -> str:
    """JSON values as the text to check and to store. Raises InvalidPayload."""
    try:
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidPayload(
            f"{what} holds half of a surrogate pair, which can't be stored."
        ) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(f"{what} can't be stored as JSON: {error}.") from error
    return text


def check_payload(what: str, text: str, *, most: int | None = None) -> None:
    """Refuse a payload's JSON text that is too large, too deep, or that nobody could read again.

    ``most`` is the limit in bytes (``MAX_PAYLOAD_BYTES``). Raises PayloadTooLarge or
    InvalidPayload.
    """
    most = conf().MAX_PAYLOAD_BYTES if most is None else most
    size = len(text) if text.isascii() else len(text.encode())
    if size > most:
        raise PayloadTooLarge(
            f"{what} has {size:,} bytes; the limit is {most:,}. "
            "Store the bulk elsewhere and put a reference into the event."
        )
    if "\\u0000" in text and _NUL.search(text):
        raise InvalidPayload(f"{what} holds a NUL character, which can't be stored.")
    brackets = text.count("[") + text.count("{")
    if size <= DIGITS and brackets <= DEEPEST:
        return  # neither such a number nor such a nesting has room in it
    try:
        value = json.loads(text)
    except RecursionError:
        value, brackets = None, 0
    except ValueError as error:
        raise InvalidPayload(
            f"{what} can't be read again: {error}. Give a long number as a text."
        ) from error
    if value is None or (brackets > DEEPEST and _levels(value) > DEEPEST):
        raise InvalidPayload(f"{what} is nested deeper than {DEEPEST} levels.")


def _levels(value: Any) -> int:
    """How deep arrays and objects are nested; counts no further than one level too many."""
    level, found = [value], 0
    while level and found <= DEEPEST:
        parts = (part for one in level for part in (one.values() if type(one) is dict else one))
        level = [part for part in parts if isinstance(part, (dict, list))]
        found += 1
    return found
