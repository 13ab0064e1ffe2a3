"""``manage.py flowdeck groups``: the ready groups of people who may see and mend the log."""

from __future__ import annotations

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flowdeck.database import atomic_with_people
from flowdeck.errors import PermissionsMissing
from flowdeck.people import audit, groups
from flowdeck.words import counted


class Command(BaseCommand):
    """Make a group of each role and give it what it lacks."""

    help = (
        "Make a group of each role, with its permissions. Safe to repeat: a group that stands gets "
        "what it lacks and loses nothing."
    )

    def handle(self, **options: Any) -> None:
        """Run the command."""
        try:
            with atomic_with_people():
                ready = groups.make_ready()
                for one in ready:
                    _note(one)
        except PermissionsMissing as error:
            raise CommandError(str(error)) from error
        for one in ready:
            given = f"{counted(len(one.given), 'permission')} given" if one.given else "complete"
            state = f"made, {given}" if one.made else given
            self.stdout.write(f"{one.group} (role {one.role}): {state}")


def _note(ready: groups.Ready) -> None:
    """Tell the audit who gave what."""
    if ready.made or ready.given:
        audit.record(
            "make_group",
            by=getpass.getuser(),
            target=f"group {ready.group}",
            count=len(ready.given),
            reason=f"role {ready.role}: {', '.join(ready.given)}",
        )
