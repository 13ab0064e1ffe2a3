"""Prepares the database before web and workers start: one process, since starting is the cost."""

from __future__ import annotations

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured


def main() -> int:
    """Bring the database up to date, fill it for a demo, collect static files for production."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "eda_site.settings")
    try:
        from django.conf import settings

        django.setup()
    except ImproperlyConfigured as error:
        print(error)
        return 2
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0, interactive=False)
    print(f"database: {connection.display_name}, {connection.settings_dict['NAME']}")
    if settings.DEMO:
        call_command("seed_demo")
    else:
        call_command("collectstatic", verbosity=0, interactive=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
