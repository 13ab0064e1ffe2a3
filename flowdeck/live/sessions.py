"""Sessions: who is still signed in, asked now and then for all sockets together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from flowdeck.live.socket import Socket
from flowdeck.people.access import rights_of
from flowdeck.people.rights import read_together

_IN_DATABASE = ("django.contrib.sessions.backends.db", "django.contrib.sessions.backends.cached_db")


def refresh(sockets: Collection[Socket]) -> tuple[list[Socket], list[Socket]]:
    """The sockets whose session has ended, and those whose user's rights have changed.

    Gives the latter their user as it is now. Three queries, whatever the number of sockets, if no
    other backend than Django's is asked for permissions.
    """
    kept = dict(_sessions({socket.session_key for socket in sockets if socket.session_key}))
    people = get_user_model()._default_manager.in_bulk({socket.user.pk for socket in sockets})
    users = {pk: user for pk, user in people.items() if user.is_active}
    read_together(users.values())
    ended, changed = [], []
    for socket in sockets:
        user = users.get(socket.user.pk)
        if user is None or not _is_of(kept.get(socket.session_key or ""), user):
            ended.append(socket)
        elif _rights(user) != _rights(socket.user):
            socket.user = user
            changed.append(socket)
    return ended, changed


def _sessions(keys: set[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if settings.SESSION_ENGINE in _IN_DATABASE:
        for session in Session.objects.filter(pk__in=keys, expire_date__gt=timezone.now()):
            yield session.pk, session.get_decoded()
        return
    engine = import_module(settings.SESSION_ENGINE)
    for key in keys:
        yield key, dict(engine.SessionStore(key).items())


def _is_of(session: dict[str, Any] | None, user: Any) -> bool:
    if not session or str(session.get(SESSION_KEY)) != str(user.pk):
        return False
    # A changed password ends all sessions that were opened with the old one.
    return constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())


def _rights(user: Any) -> tuple[bool, frozenset[str]]:
    return getattr(user, "is_superuser", False), rights_of(user)
