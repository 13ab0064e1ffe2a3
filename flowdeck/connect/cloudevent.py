"""CloudEvents 1.0 as they come from elsewhere: in binary or structured form, or refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from flowdeck import spans
from flowdeck.connect.messages import STRUCTURED
from flowdeck.errors import FlowdeckError, PublishError
from flowdeck.log.storable import checked_time

_KNOWN = ("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data")
_LONGEST = 500
_MOST_ATTRIBUTES = 60
_UUID_DIGITS = 32


class Unreadable(FlowdeckError):
    """A message is no CloudEvent that can be read."""


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """A CloudEvent of another system. ``data`` are JSON values; ``extensions`` are all others.

    ``id`` and ``source`` together name it, however often it comes.
    """

    id: str
    source: str
    type: str
    data: Any
    subject: str = ""
    time: datetime | None = None
    extensions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def correlation_id(self) -> UUID | None:
        """That of the sender: its ``correlationid``, or the trace id of its ``traceparent``."""
        found = _uuid(self.extensions.get("correlationid"))
        parts = str(self.extensions.get("traceparent", "")).split("-")
        return found or (_uuid(parts[1]) if len(parts) == 4 else None)

    @property
    def via(self) -> UUID | None:
        """The id of the event by which its trace went out to its sender, if that is a Flowdeck."""
        return _uuid(self.extensions.get("via"))

    @property
    def own_id(self) -> str:
        """Its id, if an answer may name it as its ``via``: that of a Flowdeck's event."""
        found = _uuid(self.id)
        return str(found) if found else ""

    @property
    def traceparent(self) -> str:
        """The span of its sender, in the form of W3C Trace Context; empty if it names none."""
        return spans.checked(self.extensions.get(spans.KEY))

    @property
    def hops(self) -> int:
        """How many effects its sender counted before it, if that is a Flowdeck."""
        text = str(self.extensions.get("hops", ""))
        return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def is_structured(headers: Mapping[str, str]) -> bool:
    """Whether all of a CloudEvent is in the body. ``headers`` are in small letters."""
    return headers.get("content-type", "").split(";")[0].strip() == STRUCTURED


def read(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """The CloudEvent of a message, in whichever form it is. Raises Unreadable, which says why."""
    if is_structured(headers):
        return of_json(_json(body))
    if "specversion" not in headers:
        raise Unreadable("It is no CloudEvent: it has no attribute specversion.")
    found: dict[str, Any] = {**headers}
    kind = found.pop("content-type", "")
    if kind and not _is_json(kind):
        raise Unreadable(f"Its data is {kind[:80]}; JSON can be read.")
    return of_json({**found, "data": _json(body) if body else None})


def of_json(value: Any) -> CloudEvent:
    """The CloudEvent of a JSON object in structured form. Raises Unreadable."""
    if not isinstance(value, Mapping):
        raise Unreadable("It is no JSON object.")
    if value.get("specversion") != "1.0":
        raise Unreadable(f"Its specversion is {str(value.get('specversion'))[:20]!r}, not '1.0'.")
    if "data_base64" in value or not _is_json(str(value.get("datacontenttype", "json"))):
        raise Unreadable("Its data is not JSON.")
    if len(value) > _MOST_ATTRIBUTES:
        raise Unreadable(f"It has more than {_MOST_ATTRIBUTES} attributes.")
    return CloudEvent(
        id=_named(value, "id"),
        source=_named(value, "source"),
        type=_named(value, "type"),
        data=value.get("data"),
        subject=_named(value, "subject") if value.get("subject") else "",
        time=_time(value["time"]) if value.get("time") else None,
        extensions={name: one for name, one in value.items() if name not in _KNOWN},
    )


def _named(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not 1 <= len(text) <= _LONGEST:
        raise Unreadable(f"Its {name} is not a text of 1 to {_LONGEST} characters.")
    return text


def _time(text: Any) -> datetime:
    try:
        return checked_time("time", datetime.fromisoformat(text))
    except (TypeError, ValueError, PublishError) as error:
        raise Unreadable(f"Its time {str(text)[:40]!r} can't be read.") from error


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"It is no JSON that can be read ({type(error).__name__}).") from error


def _is_json(kind: str) -> bool:
    kind = kind.split(";")[0].strip().lower()
    return kind.endswith(("/json", "+json")) or kind in ("", "json")


def _uuid(text: Any) -> UUID | None:
    if not isinstance(text, str) or len(text) < _UUID_DIGITS:
        return None
    try:
        return UUID(text)
    except ValueError:
        return None
