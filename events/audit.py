"""The audit: every action of a person on the system, allowed or denied, with who, what and why.

An entry commits together with what it tells of. It is append-only, as the log is.
"""

from __future__ import annotations

from events.models import AuditEntry

_LONGEST = 300


def record(
    action: str, *, by: str, target: str = "", count: int = 0, reason: str = "",
    allowed: bool = True,
) -> AuditEntry:  # fmt: skip
    """Write one entry: ``by`` did (or was refused) ``action`` on ``target``, ``count`` of them."""
    return AuditEntry.objects.create(
        who=by[:150], action=action, target=_short(target), count=count, reason=_short(reason),
        allowed=allowed,
    )  # fmt: skip


def _short(text: str) -> str:
    text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
