"""Roles come from groups that the library names itself, and from no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from flowdeck.conf import conf
from flowdeck.people import access


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test adds is gone after it."""
    for name in ("_added", "_labels"):
        monkeypatch.setattr(access, name, dict(getattr(access, name)))
    granted = {role: set(actions) for role, actions in access._granted.items()}
    yield
    access._granted.clear()
    access._granted.update(granted)


def member(*groups: str) -> User:
    user = User.objects.create_user(f"of {', '.join(groups)}")
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    return user


@pytest.mark.django_db
def test_groups_of_the_project_give_nothing() -> None:
    stranger = member("admin", "operator", "viewer", "staff")
    assert access.roles_of(stranger) == frozenset()
    assert [action for action, _, allowed in access.permissions_of(stranger) if allowed] == []
    assert access.roles_of(member("flowdeck-admin")) == {access.ADMIN}
    assert access.can(member("flowdeck-viewer"), "view_log")


@pytest.mark.django_db
def test_the_setting_names_the_group_of_a_role() -> None:
    on_call, former = member("on-call"), member("flowdeck-operator")
    with override_settings(FLOWDECK={"GROUPS": {"operator": "on-call"}}):
        assert access.roles_of(on_call) == {access.OPERATOR}
        assert access.roles_of(former) == frozenset()
        assert access.group_of(access.ADMIN) == "flowdeck-admin"
    with (
        override_settings(FLOWDECK={"GROUPS": {"boss": "on-call"}}),
        pytest.raises(ImproperlyConfigured, match="unknown role 'boss'; roles are viewer, "),
    ):
        conf()


@pytest.mark.django_db
def test_an_app_adds_roles_and_grants_what_there_is_to_them(untouched: None) -> None:
    access.add_role("librarian", group="librarians")
    access.grant("lend", "librarian", label="lend books")
    access.grant("view_log", "librarian")
    librarian = member("librarians")
    assert [bool(access.can(librarian, one)) for one in ("lend", "view_log", "view_audit")] == [
        True,
        True,
        False,
    ]
    assert access.can(member("staff"), "lend").reason == (
        "To lend books you need the role librarian or admin."
    )


def test_what_can_not_be_meant_is_refused(untouched: None) -> None:
    with pytest.raises(ValueError, match="no role 'libarian'"):
        access.grant("view_log", "libarian")
    with pytest.raises(ValueError, match="'lend' is new: give it a label"):
        access.grant("lend", access.OPERATOR)
    with pytest.raises(ValueError, match="'admin' is a role of flowdeck"):
        access.add_role("admin", group="staff")
