"""Access: who may do what, one rule for pages, sockets, API, admin and commands.

What a person may do are permissions of Django, which any backend of ``AUTHENTICATION_BACKENDS`` may
give: an action of the library is ``flowdeck.ACTION`` (``view_log`` for short), one of an app is a
permission of its models (``library.lend_book``). What is not given is denied. A role is a ready set
of permissions; ``manage.py flowdeck groups`` makes a group of each (:mod:`flowdeck.people.groups`).
Apps add roles with :func:`add_role`, put permissions into them with :func:`grant`, and say whose a
trace is with :func:`register_trace_owner`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.auth import get_permission_codename

from flowdeck.conf import GROUPS, conf
from flowdeck.models import Access
from flowdeck.people.rights import read_together

VIEWER, OPERATOR, ADMIN = GROUPS
_LOOKS = (
    "view_log",
    "view_processors",
    "view_connectors",
    "view_dead_letters",
    "view_alerts",
    "view_replay",
)
_MENDS = (
    "pause_processor",
    "change_limits",
    "retry_dead_letters",
    "repair_dead_letters",
    "reveal_personal",
    "operate_timers",
    "operate_processes",
    "manage_connectors",
    "rewind_connectors",
    "manage_alerts",
    "view_database",
    "view_audit",
    "run_replay",
    "redeliver",
    "run_checklist",
    "open_admin",
    "announce_release",
)
_ALL = tuple(codename for codename, _ in Access._meta.permissions)
_added: dict[str, str] = {}
_granted: dict[str, set[str]] = defaultdict(set)
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
    """Add a role of an app, whose ready group is called ``group``.

    Raises ValueError if the role is the library's.
    """
    if role in GROUPS:
        raise ValueError(f"{role!r} is a role of flowdeck; FLOWDECK['GROUPS'] names its group.")
    _added[role] = group


def grant(action: str, *roles: str) -> None:
    """Put a permission into the ready groups of ``roles``; of none, it is only told of.

    Raises ValueError for a role that nobody added, or a permission that no model declares.
    """
    if unknown := sorted(set(roles) - groups().keys()):
        raise ValueError(f"There is no role {unknown[0]!r}: add it with add_role().")
    permission = permission_of(action)
    if permission not in _labels():
        raise ValueError(
            f"There is no permission {permission!r}: name it in Meta.permissions of a model of "
            f"the app {permission.partition('.')[0]!r}."
        )
    for role in roles or ("",):
        _granted[role].add(permission)


def register_trace_owner(owns: Callable[[Any, UUID], bool]) -> None:
    """Tell whose traces are whose: ``owns(user, correlation_id)``."""
    _owners.append(owns)


def can(user: Any, action: str) -> Decision:
    """Whether ``user`` has the permission ``action``. One that there is not is denied."""
    if not user.is_authenticated or not user.is_active:
        return Decision(False, "Sign in first.")
    permission = permission_of(action)
    if _has(user, permission):
        return Decision(True)
    label = _labels().get(permission, "do this")
    return Decision(False, f"To {label} you need the permission {permission}.")


def can_see_trace(user: Any, correlation_id: UUID) -> Decision:
    """Whether ``user`` may see this trace: whoever sees the log, and its owner."""
    decision = can(user, "view_log")
    if decision or not user.is_authenticated:
        return decision
    if any(owns(user, correlation_id) for owns in _owners):
        return Decision(True)
    return Decision(False, "This trace is not yours.")


def permission_of(action: str) -> str:
    """The permission's whole name: ``flowdeck.view_log`` for ``view_log``."""
    return action if "." in action else f"flowdeck.{action}"


def groups() -> dict[str, str]:
    """The name of the ready group of every role, by role."""
    return {**conf().GROUPS, **_added}


def group_of(role: str) -> str:
    """The name of the ready group of ``role``. Raises KeyError if nobody added it."""
    return groups()[role]


def permissions_in(role: str) -> frozenset[str]:
    """What the ready group of ``role`` gives."""
    return frozenset(_granted[role])


def known() -> dict[str, str]:
    """Every permission that is granted or told of, and what it lets people do, in words."""
    return {one: _labels()[one] for one in sorted(set().union(*_granted.values()))}


def rights_of(user: Any) -> frozenset[str]:
    """The known permissions that ``user`` has; found out once per user object."""
    rights: frozenset[str] | None = getattr(user, "_flowdeck_rights", None)
    if rights is None:
        rights = frozenset(permission for permission in known() if _has(user, permission))
        user._flowdeck_rights = rights
    return rights


def permissions_of(user: Any) -> list[tuple[str, str, Decision]]:
    """Every known permission with its label and whether ``user`` has it."""
    return [(permission, label, can(user, permission)) for permission, label in known().items()]


def _has(user: Any, permission: str) -> bool:
    if user.is_active:
        read_together([user])
    return bool(user.has_perm(permission))


@cache
def _labels() -> dict[str, str]:
    """The permissions that models of the installed apps declare, in words after "To"."""
    labels = {}
    for model in apps.get_models():
        meta = model._meta
        standard = [
            (get_permission_codename(verb, meta), f"Can {verb} {meta.verbose_name_raw}")
            for verb in meta.default_permissions
        ]
        for codename, name in (*standard, *meta.permissions):
            labels[f"{meta.app_label}.{codename}"] = str(name).removeprefix("Can ")
    return labels


for _action in _ALL:
    _granted[ADMIN].add(permission_of(_action))
for _action in (*_LOOKS, *_MENDS):
    _granted[OPERATOR].add(permission_of(_action))
for _action in _LOOKS:
    _granted[VIEWER].add(permission_of(_action))
