"""What stands in the metadata of an event; what makes no sense there is passed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID


def joined_causes(metadata: Mapping[str, Any]) -> list[UUID]:
    """The further causes of a join."""
    found = metadata.get("also_caused_by")
    return [UUID(one) for one in found if _is_id(one)] if isinstance(found, list) else []


def came_via(metadata: Mapping[str, Any]) -> str:
    """The id of the message by which its trace came in last; empty if it began here."""
    found = metadata.get("via", "")
    return found if isinstance(found, str) else ""


def came_over(metadata: Mapping[str, Any]) -> tuple[str, str] | None:
    """The connector by which it came in, and whose message it was; None if it began here."""
    found = metadata.get("came")
    if isinstance(found, list) and len(found) == 2 and all(isinstance(one, str) for one in found):
        return found[0], found[1]
    return None


def _is_id(text: Any) -> bool:
    try:
        return bool(UUID(text))
    except (ValueError, TypeError, AttributeError):
        return False
