"""Access: who may do what, one rule for pages, sockets, API, admin and commands.

A person has the roles that their Django groups give: the setting ``GROUPS`` names the group of each
role of the library, so a group of the project that is called ``admin`` gives nothing. What is not
granted is denied. Apps add roles with :func:`add_role`, grant actions with
:func:`grant`, and say whose a trace is with :func:`register_trace_owner`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flowdeck.conf import GROUPS, conf

VIEWER, OPERATOR, ADMIN = GROUPS
_added: dict[str, str] = {}
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


def add_role(role: str, *, group: str) -> None:
    """Add a role of an app, which the members of the Django group ``group`` have.

    ``migrate`` makes the group. Raises ValueError if the role is the library's.
    """
    if role in GROUPS:
        raise ValueError(f"{role!r} is a role of flowdeck; FLOWDECK['GROUPS'] names its group.")
    _added[role] = group


def grant(action: str, *roles: str, label: str = "") -> None:
    """Let ``roles`` do ``action``; ``label`` says it for people ("pause processors").

    An action that is known already needs no label. Raises ValueError for a role that nobody added,
    or an action without a label.
    """
    if unknown := sorted(set(roles) - groups().keys()):
        raise ValueError(f"There is no role {unknown[0]!r}: add it with add_role().")
    if not label and action not in _labels:
        raise ValueError(f"The action {action!r} is new: give it a label.")
    _labels[action] = label or _labels[action]
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


def groups() -> dict[str, str]:
    """The Django group of every role, by role. ``migrate`` makes them."""
    return {**conf().GROUPS, **_added}


def group_of(role: str) -> str:
    """The Django group whose members have ``role``. Raises KeyError if nobody added it."""
    return groups()[role]


def roles_of(user: Any) -> frozenset[str]:
    """The user's roles, by their groups; read once per user object."""
    known: frozenset[str] | None = getattr(user, "_flowdeck_roles", None)
    if known is None:
        names = {group.name for group in user.groups.all()}
        known = frozenset(role for role, group in groups().items() if group in names)
        user._flowdeck_roles = known
    return known


def permissions_of(user: Any) -> list[tuple[str, str, Decision]]:
    """Every known action with its label and whether ``user`` may do it."""
    return [(action, label, can(user, action)) for action, label in sorted(_labels.items())]


grant("view_log", VIEWER, OPERATOR, ADMIN, label="see the event log and all traces")
grant("view_processors", VIEWER, OPERATOR, ADMIN, label="see the processors")
grant("pause_processor", OPERATOR, ADMIN, label="pause and resume processors")
grant("view_dead_letters", VIEWER, OPERATOR, ADMIN, label="see dead letters")
grant("resolve_dead_letters", OPERATOR, ADMIN, label="retry and discard dead letters")
grant("reveal_personal", OPERATOR, ADMIN, label="reveal personal data, with a reason")
grant("operate_timers", OPERATOR, ADMIN, label="fire, move, cancel and hold timers")
grant("view_alerts", VIEWER, OPERATOR, ADMIN, label="see alerts and their rules")
grant("manage_alerts", OPERATOR, ADMIN, label="set and mute alert rules")
grant("set_webhook", ADMIN, label="say which address a webhook is sent to")
grant("view_database", OPERATOR, ADMIN, label="see how the database is doing")
grant("view_audit", OPERATOR, ADMIN, label="see the audit")
grant("view_replay", VIEWER, OPERATOR, ADMIN, label="see replays of read models")
grant("run_replay", OPERATOR, ADMIN, label="verify and rebuild read models")
grant("redeliver", OPERATOR, ADMIN, label="give a processor past events again")
grant("view_connectors", VIEWER, OPERATOR, ADMIN, label="see the connectors")
grant("manage_connectors", OPERATOR, ADMIN, label="pause and resume connectors")
grant("rewind_connectors", OPERATOR, ADMIN, label="rewind connectors")
grant("publish_events", ADMIN, label="publish events over the API")
grant("run_checklist", OPERATOR, ADMIN, label="run the design review")
grant("open_admin", OPERATOR, ADMIN, label="open the admin")
grant("announce_release", OPERATOR, ADMIN, label="announce a release")
grant("keep_log", ADMIN, label="export, import and archive the log, and forget a person")
grant("manage_tokens", ADMIN, label="see and revoke everybody's API tokens")
