"""Who may do what: the only rule, asked by pages, sockets, API, admin and commands alike.

Roles are Django groups. What is not granted is denied. Apps grant their own actions to roles with
:func:`grant`, and say whose a trace is with :func:`register_trace_owner`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

ADMIN = "admin"
_granted: dict[str, set[str]] = defaultdict(set)
_labels: dict[str, str] = {}
_owners: list[Callable[[Any, UUID], bool]] = []


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether something is allowed, and if not, why (a sentence for the person)."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        """True if allowed."""
        return self.allowed


def grant(action: str, *roles: str, label: str) -> None:
    """Let ``roles`` do ``action``; ``label`` says it for people ("pause processors")."""
    _labels[action] = label
    for role in roles:
        _granted[role].add(action)


def register_trace_owner(owns: Callable[[Any, UUID], bool]) -> None:
    """Tell whose traces are whose: ``owns(user, correlation_id)``."""
    _owners.append(owns)


def can(user: Any, action: str) -> Decision:
    """Whether ``user`` may do ``action``. Unknown actions are denied."""
    if not user.is_authenticated or not user.is_active:
        return Decision(False, "Sign in first.")
    if user.is_superuser or any(action in _granted[role] for role in roles_of(user)):
        return Decision(True)
    holders = {role for role, actions in _granted.items() if action in actions}
    needed = " or ".join([*sorted(holders - {ADMIN}), ADMIN])
    label = _labels.get(action, action)
    return Decision(False, f"To {label} you need the role {needed}.")


def can_see_trace(user: Any, correlation_id: UUID) -> Decision:
    """Whether ``user`` may see this trace: whoever sees the log, and its owner."""
    decision = can(user, "view_log")
    if decision or not user.is_authenticated:
        return decision
    if any(owns(user, correlation_id) for owns in _owners):
        return Decision(True)
    return Decision(False, "This trace is not yours.")


def roles() -> frozenset[str]:
    """Every role that something is granted to. ``migrate`` makes a group of each."""
    return frozenset(_granted)


def roles_of(user: Any) -> frozenset[str]:
    """Names of the user's groups, read once per user object."""
    known: frozenset[str] | None = getattr(user, "_events_roles", None)
    if known is None:
        known = frozenset(group.name for group in user.groups.all())
        user._events_roles = known
    return known


def permissions_of(user: Any) -> list[tuple[str, str, Decision]]:
    """Every known action with its label and whether ``user`` may do it."""
    return [(action, label, can(user, action)) for action, label in sorted(_labels.items())]


grant("view_log", "viewer", "operator", "teacher", ADMIN, label="see the event log and all traces")
grant("view_processors", "viewer", "operator", "teacher", ADMIN, label="see the processors")
grant("pause_processor", "operator", ADMIN, label="pause and resume processors")
grant("view_dead_letters", "viewer", "operator", "teacher", ADMIN, label="see dead letters")
grant("resolve_dead_letters", "operator", ADMIN, label="retry and discard dead letters")
grant("reveal_personal", "operator", ADMIN, label="reveal personal data, with a reason")
grant("view_alerts", "viewer", "operator", "teacher", ADMIN, label="see alerts and their rules")
grant("manage_alerts", "operator", ADMIN, label="set and mute alert rules")
grant("set_webhook", ADMIN, label="say which address a webhook is sent to")
grant("view_audit", "operator", ADMIN, label="see the audit")
grant("view_replay", "viewer", "operator", "teacher", ADMIN, label="see replays of read models")
grant("run_replay", "operator", ADMIN, label="verify and rebuild read models")
grant("redeliver", "operator", ADMIN, label="give a processor past events again")
grant("run_checklist", "operator", "teacher", ADMIN, label="run the design review")
grant("open_admin", "operator", ADMIN, label="open the admin")
grant("keep_log", ADMIN, label="export, import and archive the log, and forget a person")
grant("manage_tokens", ADMIN, label="see and revoke everybody's API tokens")
