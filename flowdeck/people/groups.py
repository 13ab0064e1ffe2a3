"""Ready groups: one Django group for each role, with the permissions that the role is granted."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db.models import QuerySet

from flowdeck.database import atomic_with_people
from flowdeck.errors import PermissionsMissing
from flowdeck.people import access


@dataclass(frozen=True, slots=True)
class Ready:
    """The group of a role, whether it was made just now, and what it was given just now."""

    role: str
    group: str
    made: bool
    given: tuple[str, ...]


def make_ready() -> list[Ready]:
    """Make the group of each role where there is none, and give each what it lacks.

    Takes nothing away: what a group was given besides, stays.
    Raises PermissionsMissing if ``migrate`` has not made the permissions yet.
    """
    with atomic_with_people():
        rows = _rows()
        return [_ready(role, name, rows) for role, name in access.groups().items()]


def without_permissions() -> list[str]:
    """The names of ready groups that stand, but give nothing; two queries."""
    names = {name for role, name in access.groups().items() if access.permissions_in(role)}
    empty: QuerySet[Group] = Group.objects.filter(name__in=names, permissions=None)
    return sorted(empty.values_list("name", flat=True))


def _rows() -> dict[str, Permission]:
    """The rows of all known permissions, by name."""
    wanted = access.known()
    rows = Permission.objects.filter(
        codename__in={one.partition(".")[2] for one in wanted},
        content_type__app_label__in={one.partition(".")[0] for one in wanted},
    ).select_related("content_type")
    found = {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
    if missing := sorted(wanted.keys() - found.keys()):
        raise PermissionsMissing(missing)
    return found


def _ready(role: str, name: str, rows: dict[str, Permission]) -> Ready:
    group, made = Group.objects.get_or_create(name=name)
    has = set(group.permissions.values_list("pk", flat=True))
    given = sorted(one for one in access.permissions_in(role) if rows[one].pk not in has)
    group.permissions.add(*(rows[one] for one in given))
    return Ready(role, name, made, tuple(given))
