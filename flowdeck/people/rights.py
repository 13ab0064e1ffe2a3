"""Permissions that Django's own backend keeps, of one person or many in one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_backends, get_user_model
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import PermissionsMixin
from django.db.models import QuerySet, Value

_CACHES = ("_user_perm_cache", "_group_perm_cache")  # where ModelBackend looks first
_READS = (
    "get_all_permissions",
    "_get_permissions",
    "_get_user_permissions",
    "_get_group_permissions",
)


def read_together(users: Iterable[Any]) -> None:
    """Read permissions of ``users`` that are not read yet, in one query.

    Django by itself would ask two for each of them. Where a backend reads them in another way,
    nothing is done.
    """
    if not issubclass(get_user_model(), PermissionsMixin):
        return
    unread = [user for user in users if not user.is_superuser and not hasattr(user, _CACHES[0])]
    if not unread or not _kept_by_django():
        return
    found = _read([user.pk for user in unread])
    for user in unread:
        for cache in _CACHES:
            setattr(user, cache, found[cache, user.pk])


def _kept_by_django() -> bool:
    return all(
        getattr(type(backend), method) is getattr(ModelBackend, method)
        for backend in get_backends()
        if isinstance(backend, ModelBackend)
        for method in _READS
    )


def _read(keys: list[Any]) -> dict[tuple[str, Any], set[str]]:
    """The permissions by cache and user."""
    own, by_group = (
        _links(keys, name, cache)
        for name, cache in zip(("user_permissions", "groups"), _CACHES, strict=True)
    )
    found: dict[tuple[str, Any], set[str]] = defaultdict(set)
    for cache, pk, app, codename in own.union(by_group, all=True):
        found[cache, pk].add(f"{app}.{codename}")
    return found


def _links(keys: list[Any], name: str, cache: str) -> QuerySet[Any, tuple[Any, ...]]:
    field: Any = get_user_model()._meta.get_field(name)
    user = field.m2m_field_name()
    permission = "permission" if name == "user_permissions" else "group__permissions"
    links: QuerySet[Any] = field.remote_field.through._default_manager.filter(
        **{f"{user}__in": keys, f"{permission}__isnull": False}
    )
    return links.values_list(
        Value(cache),
        f"{user}_id",
        f"{permission}__content_type__app_label",
        f"{permission}__codename",
    )
