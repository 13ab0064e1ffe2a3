"""Accounts and their roles, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from flowdeck.extend import ADMIN, can, grant, record_action

grant("manage_accounts", ADMIN, label="create accounts and give roles")


class _Accounts(admin.ModelAdmin):  # type: ignore[type-arg]
    """Allowed to whoever manages accounts. Superusers are changed by superusers only."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(can(request.user, "manage_accounts"))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        above = getattr(obj, "is_superuser", False) and not request.user.is_superuser
        return self.has_module_permission(request) and not above

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_change_permission(request, obj)

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


def _note(request: HttpRequest, verb: str, obj: Any) -> None:
    kind = obj._meta.model_name
    roles = sorted(group.name for group in obj.groups.all()) if isinstance(obj, User) else []
    record_action(
        f"{verb}_{kind}",
        by=request.user.get_username(),
        target=f"{kind} {obj}",
        count=1,
        reason=f"roles: {', '.join(roles) or 'none'}" if isinstance(obj, User) else "",
    )


class AccountAdmin(_Accounts, UserAdmin):  # type: ignore[type-arg]
    """Users with their roles. Django's own permissions are not used, so they are not shown."""

    list_display = ("username", "email", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    filter_horizontal = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Roles", {"fields": ("is_active", "groups")}),
    )


class RoleAdmin(_Accounts):
    """Roles are groups; what a role may do is declared in code (``flowdeck.extend.grant``)."""

    fields = list_display = ("name",)
    search_fields = ("name",)


admin.site.unregister([User, Group])
admin.site.register(User, AccountAdmin)
admin.site.register(Group, RoleAdmin)
