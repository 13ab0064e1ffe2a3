"""People with roles, for tests of pages and sockets."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client

from flowdeck.people import access


def person(role: str = "", name: str = "") -> User:
    """A user with a role, or with none."""
    user = User.objects.create_user(name or role or "nobody", password="demo")
    if role:
        user.groups.add(Group.objects.get_or_create(name=access.group_of(role))[0])
    return user


def signed_in(user: User) -> Client:
    """A browser in which ``user`` is signed in."""
    client = Client()
    client.force_login(user)
    return client
