"""Django's admin with the access rule of the rest of the site."""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import DataError
from django.http import HttpRequest, HttpResponse

from flowdeck.extend import can


class SiteAdmin(admin.AdminSite):
    """The admin for whoever may open it; sign-in is the site's own."""

    site_header = site_title = "Flowdeck admin"
    index_title = "Look things up"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """As Django's; what somebody asks for that no column can hold is their own mistake.

        A filter in an address may be any look-up of any field, with any text as its value.
        """

        def asked(request: HttpRequest, *words: Any, **more: Any) -> HttpResponse:
            try:
                found: HttpResponse = view(request, *words, **more)
                return found
            except (DataError, OverflowError, ValueError) as error:
                if request.method != "GET":
                    raise
                raise BadRequest(f"{type(error).__name__}: {error}") from error

        return super().admin_view(update_wrapper(asked, view), cacheable)

    def has_permission(self, request: HttpRequest) -> bool:
        """What :func:`flowdeck.extend.can` says, instead of ``is_staff``."""
        return bool(can(request.user, "open_admin"))

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Strangers go to the sign-in page; others are told which permission it needs."""
        if request.user.is_authenticated:
            raise PermissionDenied(can(request.user, "open_admin").reason)
        return redirect_to_login(request.GET.get("next") or request.path)
