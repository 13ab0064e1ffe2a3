"""``manage.py flowdeck create_token USER``: a bearer token for the JSON API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from flowdeck.declare.registry import registry
from flowdeck.errors import UnknownEventType
from flowdeck.models import ApiToken
from flowdeck.people import tokens


class Command(BaseCommand):
    """Print a new token, alone on the last line."""

    help = "Create a bearer token of the JSON API for USER and print it on the last line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("user", help="user name")
        parser.add_argument("--name", default="", help="what it is for")
        narrower = parser.add_mutually_exclusive_group()
        narrower.add_argument("--read-only", action="store_true", help="it may look only")
        narrower.add_argument("--send-only", action="store_true", help="it may publish events only")
        narrower.add_argument("--spans-only", action="store_true", help="it may send spans only")
        parser.add_argument(
            "--type", action="append", default=[], help="an event type it may publish; repeatable"
        )

    def handle(self, *, user: str, **options: Any) -> None:
        """Run the command."""
        model = get_user_model()
        try:
            owner = model._default_manager.get_by_natural_key(user)
        except model.DoesNotExist:
            raise CommandError(f"There is no user {user!r}.") from None
        if not owner.is_active:
            raise CommandError(f"The account of {user!r} is switched off.")
        self.stderr.write("Keep it safe: it can't be shown again.")
        asked = {
            ApiToken.Scope.READ: options["read_only"],
            ApiToken.Scope.SEND: options["send_only"],
            ApiToken.Scope.SPANS: options["spans_only"],
        }
        scope = next((scope for scope, wanted in asked.items() if wanted), ApiToken.Scope.FULL)
        try:
            for name in options["type"]:
                registry.event_type(name)
        except UnknownEventType as error:
            raise CommandError(str(error)) from error
        issued = tokens.issue(owner, name=options["name"], scope=scope, types=options["type"])
        self.stdout.write(issued)
