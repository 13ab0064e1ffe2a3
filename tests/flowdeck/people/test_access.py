"""What people may do are permissions of Django; ready groups give them, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from flowdeck.conf import conf
from flowdeck.models import AuditEntry
from flowdeck.people import access, rights
from tests.accounts import person

pytestmark = pytest.mark.django_db
_MIGRATION = import_module("flowdeck.migrations.0018_permissions")


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test adds is gone after it."""
    monkeypatch.setattr(access, "_added", dict(access._added))
    granted = {role: set(permissions) for role, permissions in access._granted.items()}
    yield
    access._granted.clear()
    access._granted.update(granted)


class Rules:
    """A backend that keeps no permissions anywhere."""

    def has_perm(self, user: Any, permission: str, obj: Any = None) -> bool:
        return user.username == "olga" and permission == "flowdeck.view_log"


def member(*groups: str) -> User:
    user = User.objects.create_user(f"of {', '.join(groups)}")
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return user


def allowed(user: User) -> set[str]:
    return {one for one, _, decision in access.permissions_of(user) if decision}


def give(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def make_groups() -> str:
    told = StringIO()
    call_command("flowdeck", "groups", stdout=told)
    return told.getvalue()


def test_groups_of_the_project_give_nothing() -> None:
    assert allowed(member("admin", "operator", "viewer", "staff")) == set()


def test_a_ready_group_gives_the_permissions_of_its_role_and_the_command_is_safe_to_repeat() -> (
    None
):
    assert "flowdeck-viewer (role viewer): made, 6 permissions given" in make_groups()
    viewer = member("flowdeck-viewer")
    assert allowed(viewer) == access.permissions_in(access.VIEWER)
    group = Group.objects.get(name="flowdeck-viewer")
    group.permissions.remove(Permission.objects.get(codename="view_log"))
    group.permissions.add(Permission.objects.get(codename="view_audit"))
    assert "flowdeck-viewer (role viewer): 1 permission given" in make_groups()
    changed = allowed(User.objects.get(pk=viewer.pk))
    assert changed == access.permissions_in(access.VIEWER) | {"flowdeck.view_audit"}
    told = AuditEntry.objects.filter(action="make_group", target="group flowdeck-viewer")
    assert list(told.values_list("count", flat=True)) == [6, 1]


def test_the_setting_names_the_group_of_a_role() -> None:
    with override_settings(FLOWDECK={"GROUPS": {"operator": "on-call"}}):
        assert "on-call (role operator): made" in make_groups()
        assert access.can(member("on-call"), "pause_processor")
        assert not access.can(member("flowdeck-operator"), "pause_processor")
    with (
        override_settings(FLOWDECK={"GROUPS": {"boss": "on-call"}}),
        pytest.raises(ImproperlyConfigured, match="unknown role 'boss'; roles are viewer, "),
    ):
        conf()


def test_one_permission_given_by_itself_is_enough() -> None:
    user = User.objects.create_user("olga")
    give(user, "retry_dead_letters")
    assert allowed(user) == {"flowdeck.retry_dead_letters"}
    assert access.can(user, "flowdeck.retry_dead_letters")


def test_any_backend_may_give_permissions(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Rules"]
    assert allowed(User.objects.create_user("olga")) == {"flowdeck.view_log"}
    assert allowed(person("operator", "otto")) == set()


def test_groups_of_earlier_installations_keep_what_they_gave() -> None:
    former = {role: member(name) for role, name in access.groups().items() if role in conf().GROUPS}
    _MIGRATION.keep_groups(apps, SimpleNamespace(connection=connection))
    for role, user in former.items():
        now = {one for one in access.permissions_in(role) if one.startswith("flowdeck.")}
        later = ("operate_processes", "change_limits", "repair_dead_letters")
        kept = now - {f"flowdeck.{one}" for one in later}
        assert allowed(user) == kept


def test_check_tells_of_a_ready_group_that_gives_nothing() -> None:
    Group.objects.create(name="customer")
    [found] = [one for one in run_checks(databases=["default"]) if one.id == "flowdeck.W005"]
    assert "'customer'" in found.msg
    make_groups()
    assert "flowdeck.W005" not in {one.id for one in run_checks(databases=["default"])}


def test_rights_of_many_people_are_read_in_one_query(django_assert_num_queries: Any) -> None:
    people = [person("operator", "olga"), person("", "ann"), member("flowdeck-viewer")]
    give(people[1], "view_log")
    people[1].user_permissions.add(Permission.objects.get(codename="view_audit"))
    together = list(User.objects.order_by("pk"))
    with django_assert_num_queries(1):
        rights.read_together(together)
        found = [access.rights_of(user) for user in together]
    assert found == [access.rights_of(user) for user in User.objects.order_by("pk")]
    assert [len(one) for one in found] == [len(access.permissions_in("operator")), 2, 6]


def test_an_app_adds_roles_and_grants_its_models_permissions_to_them(untouched: None) -> None:
    access.add_role("librarian", group="librarians")
    access.grant("lab.view_class", "librarian")
    access.grant("view_log", "librarian")
    make_groups()
    librarian = member("librarians")
    asked = ("lab.view_class", "view_log", "view_audit")
    assert [bool(access.can(librarian, one)) for one in asked] == [True, True, False]
    assert access.can(member("staff"), "lab.view_class").reason == (
        "To see the progress of the class you need the permission lab.view_class."
    )


def test_what_can_not_be_meant_is_refused(untouched: None) -> None:
    with pytest.raises(ValueError, match="no role 'libarian'"):
        access.grant("view_log", "libarian")
    with pytest.raises(ValueError, match=r"no permission 'lab\.lend'.* of the app 'lab'"):
        access.grant("lab.lend", access.OPERATOR)
    with pytest.raises(ValueError, match="'admin' is a role of flowdeck"):
        access.add_role("admin", group="staff")
