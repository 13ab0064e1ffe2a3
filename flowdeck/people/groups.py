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
        rows, (groups, made) = _rows(), _groups()
        links = Group.permissions.through
        known = links.objects.filter(group__in=groups.values())
        has = set(known.values_list("group_id", "permission_id"))
        ready, missing = [], []
        for role, name in access.groups().items():
            wanted = {one: (groups[name].pk, rows[one].pk) for one in access.permissions_in(role)}
            given = sorted(one for one, pair in wanted.items() if pair not in has)
            missing += [wanted[one] for one in given]
            has.update(wanted.values())
            ready.append(Ready(role, name, name in made, tuple(given)))
        links.objects.bulk_create(
            (links(group_id=group, permission_id=permission) for group, permission in missing),
            ignore_conflicts=True,  # somebody else makes them ready just now
        )
        return ready


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


def _groups() -> tuple[dict[str, Group], set[str]]:
    """The ready groups by name, and the names of those that were made for it."""
    names = set(access.groups().values())
    made = names - set(Group.objects.filter(name__in=names).values_list("name", flat=True))
    Group.objects.bulk_create((Group(name=name) for name in made), ignore_conflicts=True)
    return Group.objects.in_bulk(names, field_name="name"), made
