"""People with roles, for tests of pages and sockets."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.test import Client

from flowdeck.people import access, groups


def person(role: str = "", name: str = "") -> User:
    """A user in the ready group of a role, or in none."""
    user = User.objects.create_user(name or role or "nobody", password="demo")
    if role:
        user.groups.add(ready(role))
    return user


def ready(role: str) -> Group:
    """The ready group of a role."""
    name = access.group_of(role)
    if not Group.objects.filter(name=name).exists():
        groups.make_ready()
    return Group.objects.get(name=name)


def signed_in(user: User) -> Client:
    """A browser in which ``user`` is signed in."""
    client = Client()
    client.force_login(user)
    return client
