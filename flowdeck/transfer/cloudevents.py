"""An event of the log as a CloudEvent 1.0 in JSON, and back.

The envelope that CloudEvents don't know goes into extension attributes: ``sequence``, ``position``,
``orderkey``, ``correlationid``, ``causationid``, ``alsocausedby``, ``hops``, ``via``, ``producer``,
``dataversion``, ``recordedtime``; numbers as text, for positions don't fit into the 32 bits of an
Integer there. ``datamasked`` is true if personal values were masked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flowdeck import spans
from flowdeck.conf import conf
from flowdeck.declare.event import StoredEvent
from flowdeck.declare.metadata import joined_causes
from flowdeck.errors import ImportRefused, PublishError
from flowdeck.log.storable import (
    as_text,
    check_payload,
    checked_line,
    checked_stream,
    checked_time,
)
from flowdeck.privacy.sealing import key_ids

MEDIA_TYPE = "application/jsonl"
_MOST_VERSION = 32_767
_ISO = "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"
_SEALED = 2  # times as large as what was published is a payload at most when it is sealed


@dataclass(frozen=True, slots=True)
class Imported:
    """An event of a file: ``event`` with the position that it had where it came from."""

    line: int
    event: StoredEvent
    masked: bool


def dumped(event: StoredEvent, data: Any = None, *, masked: bool = False) -> str:
    """One line of JSON; with ``data`` in place of the payload as it is stored."""
    payload = event.payload if data is None else data
    # In ASCII, for there are more ends of a line in Unicode than all readers agree on.
    return json.dumps({**attributes(event, masked=masked), "data": payload})


def attributes(event: StoredEvent, *, masked: bool = False) -> dict[str, str | bool]:
    """All of the CloudEvent but its data."""
    found: dict[str, str | bool] = {
        "specversion": "1.0",
        "id": str(event.id),
        "source": _source(event.producer),
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
        found["causationid"] = str(event.causation_id)
    if event.metadata:
        found |= _carried(event)
    if masked:
        found["datamasked"] = True
    return found


def _carried(event: StoredEvent) -> dict[str, str]:
    """What its metadata says of where it came from."""
    found = dict[str, str]()
    if event.hops:
        found["hops"] = str(event.hops)
    if event.via:
        found["via"] = event.via
    if causes := joined_causes(event.metadata):
        found["alsocausedby"] = ",".join(str(cause) for cause in causes)
    if carried := spans.checked(event.metadata.get(spans.KEY)):
        found[spans.KEY] = carried
    return found


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
    except RecursionError as error:
        raise ImportRefused(f"line {number}: it is nested too deep") from error
    except (TypeError, ValueError, AttributeError, OverflowError, PublishError) as error:
        raise ImportRefused(f"line {number}: {error}") from error


def _stored(value: Mapping[str, Any]) -> StoredEvent:
    if not isinstance(value["data"], dict):
        raise TypeError("data is not an object")
    type_name = checked_line("type", _given(value, "type"))
    metadata: dict[str, Any] = {}
    if value.get("hops"):
        metadata["hops"] = _number(value, "hops")
    if causes := value.get("alsocausedby"):
        metadata["also_caused_by"] = [str(UUID(one)) for one in causes.split(",")]
    if value.get("via"):
        metadata["via"] = str(UUID(value["via"]))
    if carried := spans.checked(value.get(spans.KEY)):
        metadata[spans.KEY] = carried
    return StoredEvent(
        position=_number(value, "position"),
        id=UUID(value["id"]),
        stream=checked_stream(_given(value, "subject")),
        sequence=_number(value, "sequence"),
        type=type_name,
        version=_number(value, "dataversion", _MOST_VERSION),
        data=_payload(type_name, value["data"]),
        metadata=metadata,
        key=checked_line("key", _given(value, "orderkey")),
        correlation_id=UUID(value["correlationid"]),
        causation_id=UUID(value["causationid"]) if value.get("causationid") else None,
        producer=checked_line("producer", _given(value, "producer")),
        occurred_at=_time(value, "time"),
        recorded_at=_time(value, "recordedtime"),
    )


def _given(value: Mapping[str, Any], name: str) -> str:
    text = value[name]
    if not isinstance(text, str):
        raise TypeError(f"{name} is not a text")
    return text


def _payload(type_name: str, data: dict[str, Any]) -> str:
    """The payload as it is to be stored, under the rules of what is published."""
    text = as_text(type_name, data)
    most = conf().MAX_PAYLOAD_BYTES
    check_payload(type_name, text, most=most * _SEALED if key_ids(data) else most)
    return text


def _number(value: Mapping[str, Any], name: str, most: int = 2**63 - 1) -> int:
    number = int(value[name])
    if not 1 <= number <= most:
        raise ValueError(f"{name} is not a number from 1 to {most}")
    return number


def _time(value: Mapping[str, Any], name: str) -> datetime:
    return checked_time(name, datetime.fromisoformat(_given(value, name))).astimezone(UTC)


@lru_cache(1024)
def _source(producer: str) -> str:
    return f"/{quote(producer, safe='')}"


def _text(moment: datetime) -> str:
    # Every message has two: to convert what is UTC already, or isoformat(), takes much of its time.
    at = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return _ISO % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)
