"""Accounts and groups, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from flowdeck.extend import ADMIN, grant, record_action

for _kind in ("user", "group"):
    for _verb in ("view", "add", "change", "delete"):
        grant(f"auth.{_verb}_{_kind}", ADMIN)


class _Accounts(admin.ModelAdmin):  # type: ignore[type-arg]
    """As Django's permissions say. Superusers are changed by superusers only."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not _is_above(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _is_above(request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Note it in the audit, too."""
        _note(request, "create", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Note it in the audit, too."""
        _note(request, "change", obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Note it in the audit, too."""
        for obj in queryset:
            _note(request, "delete", obj)
        return super().log_deletions(request, queryset)


def _is_above(request: HttpRequest, obj: Any) -> bool:
    return bool(getattr(obj, "is_superuser", False) and not request.user.is_superuser)


def _note(request: HttpRequest, verb: str, obj: Any) -> None:
    kind = obj._meta.model_name
    given = obj.groups if isinstance(obj, User) else obj.permissions
    names = sorted(given.values_list("name" if isinstance(obj, User) else "codename", flat=True))
    record_action(
        f"{verb}_{kind}",
        by=request.user.get_username(),
        target=f"{kind} {obj}",
        count=1,
        reason=f"{'groups' if isinstance(obj, User) else 'permissions'}: "
        f"{', '.join(names) or 'none'}",
    )


class AccountAdmin(_Accounts, UserAdmin):  # type: ignore[type-arg]
    """Users with their groups, which give permissions."""

    list_display = ("username", "email", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Groups", {"fields": ("is_active", "groups")}),
    )


class GroupAdmin(_Accounts):
    """Groups with their permissions; ``manage.py flowdeck groups`` makes the ready ones."""

    fields = ("name", "permissions")
    list_display = ("name",)
    filter_horizontal = ("permissions",)
    search_fields = ("name",)


admin.site.unregister([User, Group])
admin.site.register(User, AccountAdmin)
admin.site.register(Group, GroupAdmin)
