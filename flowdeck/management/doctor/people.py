"""Whether anybody may see anything."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from flowdeck.conf import conf
from flowdeck.management.doctor.finding import Finding


def groups() -> Iterator[Finding]:
    """The ready groups, or a superuser, or somebody with the permission."""
    ready = Group.objects.filter(name__in=conf().GROUPS.values(), permissions__isnull=False)
    may_see = get_user_model()._default_manager.with_perm(
        "flowdeck.view_log", backend="django.contrib.auth.backends.ModelBackend"
    )
    if ready.exists():
        yield Finding(True, "the ready groups give permissions")
    elif may_see.exists():
        yield Finding(True, "somebody may see the log")
    else:
        yield Finding(
            False,
            "nobody may see the log",
            "Run `manage.py flowdeck groups` and put people into its groups.",
        )
