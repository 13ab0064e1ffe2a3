"""Rows to look at: none is added, changed or deleted, and millions are never counted."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from flowdeck.people import access

_MOST_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages over the first 10,000 rows: what lies further is found by search, not by leafing."""

    @cached_property
    def count(self) -> int:
        """Number of rows, 10,000 at most."""
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.values("pk")[:_MOST_ROWS].count()


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows to look at, for whoever :mod:`flowdeck.people.access` lets see them."""

    may_see = "view_log"
    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    actions: Any = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whether the person may see these rows."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may see these rows."""
        return bool(access.can(request.user, self.may_see))

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The row of this key; None for what no key can be."""
        try:
            return super().get_object(request, object_id.replace("\x00", ""), from_field)
        except OverflowError:  # SQLite's
            return None

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Never: a look-up in an address asks for what is masked as well. Filters do their own."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False
