"""An event of the log as a CloudEvent 1.0 in JSON, and back.

The envelope that CloudEvents don't know goes into extension attributes: ``sequence``, ``position``,
``orderkey``, ``correlationid``, ``causationid``, ``alsocausedby``, ``hops``, ``producer``,
``dataversion``, ``recordedtime``; numbers as text, for positions don't fit into the 32 bits of an
Integer there. ``datamasked`` is true if personal values were masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flowdeck.declare.event import StoredEvent
from flowdeck.errors import ImportRefused

MEDIA_TYPE = "application/jsonl"
_LONGEST = {"type": 100, "subject": 200, "orderkey": 200, "producer": 64}
_NO_NAME = re.compile(r"[\s\x00-\x1f\x7f]")
_MOST_VERSION = 32_767


@dataclass(frozen=True, slots=True)
class Imported:
    """An event of a file: ``event`` with the position that it had where it came from."""

    line: int
    event: StoredEvent
    masked: bool


def dumped(event: StoredEvent, data: Any = None, *, masked: bool = False) -> str:
    """One line of JSON; with ``data`` in place of the payload as it is stored."""
    attributes = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": f"/{quote(event.producer, safe='')}",
        "type": event.type,
        "subject": event.stream,
        "time": _text(event.occurred_at),
        "datacontenttype": "application/json",
        "sequence": str(event.sequence),
        "position": str(event.position),
        "orderkey": event.key,
        "correlationid": str(event.correlation_id),
        "producer": event.producer,
        "dataversion": str(event.version),
        "recordedtime": _text(event.recorded_at),
    }
    if event.causation_id is not None:
        attributes["causationid"] = str(event.causation_id)
    if event.hops:
        attributes["hops"] = str(event.hops)
    if causes := event.metadata.get("also_caused_by"):
        attributes["alsocausedby"] = ",".join(causes)
    marks = {"datamasked": True} if masked else {}
    payload = event.payload if data is None else data
    # In ASCII, for there are more ends of a line in Unicode than all readers agree on.
    return json.dumps({**attributes, **marks, "data": payload})


def loaded(line: str, number: int) -> Imported:
    """The event of a line. Raises ImportRefused with what is wrong and where."""
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise TypeError("it is not a JSON object")
        if value.get("specversion") != "1.0":
            raise ValueError("its specversion is not 1.0")
        return Imported(number, _stored(value), bool(value.get("datamasked")))
    except KeyError as error:
        raise ImportRefused(
            f"line {number}: the attribute {error} is missing; "
            "only what `manage.py flowdeck export` writes can be imported"
        ) from error
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ImportRefused(f"line {number}: {error}") from error


def _stored(value: Mapping[str, Any]) -> StoredEvent:
    for name, longest in _LONGEST.items():
        text = value[name]
        if not isinstance(text, str) or not 1 <= len(text) <= longest or "\x00" in text:
            raise ValueError(f"{name} is not a text of 1 to {longest} characters")
    if _NO_NAME.search(value["subject"]):
        raise ValueError("the stream in subject has white space in it")
    if not isinstance(value["data"], dict) or "\\u0000" in json.dumps(value["data"]):
        raise ValueError("data is not an object that can be stored")
    metadata: dict[str, Any] = {}
    if value.get("hops"):
        metadata["hops"] = _number(value, "hops")
    if causes := value.get("alsocausedby"):
        metadata["also_caused_by"] = [str(UUID(one)) for one in causes.split(",")]
    return StoredEvent(
        _number(value, "position"),
        UUID(value["id"]),
        value["subject"],
        _number(value, "sequence"),
        value["type"],
        _number(value, "dataversion", _MOST_VERSION),
        json.dumps(value["data"]),
        metadata,
        value["orderkey"],
        UUID(value["correlationid"]),
        UUID(value["causationid"]) if value.get("causationid") else None,
        value["producer"],
        _time(value["time"]),
        _time(value["recordedtime"]),
    )


def _number(value: Mapping[str, Any], name: str, most: int = 2**63 - 1) -> int:
    number = int(value[name])
    if not 1 <= number <= most:
        raise ValueError(f"{name} is not a number from 1 to {most}")
    return number


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"the time {text} has no zone")
    return moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
