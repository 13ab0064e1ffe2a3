"""The admin of this site: the library's access rule says who may open it."""

from __future__ import annotations

from importlib import import_module

from django.contrib.admin.apps import AdminConfig


class SiteAdminConfig(AdminConfig):
    """Puts :class:`eda_site.admin_site.SiteAdmin` in the place of Django's own."""

    default_site = "eda_site.admin_site.SiteAdmin"

    def ready(self) -> None:
        """Find what the apps registered, then put what is ours in the place of Django's."""
        super().ready()
        import_module("eda_site.accounts")
        import_module("eda_site.quick_dates")
