"""In whose name a command acts: the shell's user, or an account with its permissions."""

from __future__ import annotations

import getpass

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from flowdeck.people import audit
from flowdeck.people.access import can


def add_argument(parser: CommandParser) -> None:
    """Declare ``--as ACCOUNT``."""
    parser.add_argument(
        "--as",
        dest="by",
        default="",
        metavar="ACCOUNT",
        help="act as this account, with its permissions (default: you, who have the shell)",
    )


def acting(account: str, action: str) -> str:
    """The name for the audit, if ``account`` may do ``action``; no account is the shell's user.

    Raises CommandError for an account that there is not, or that may not; the latter is noted in
    the audit.
    """
    if not account:
        return getpass.getuser()
    model = get_user_model()
    user = model._default_manager.filter(**{model.USERNAME_FIELD: account}).first()
    if user is None:
        raise CommandError(f"There is no account {account!r}. Without --as you act as yourself.")
    decision = can(user, action)
    if not decision:
        audit.record(action, by=account, reason=decision.reason, allowed=False)
        raise CommandError(decision.reason)
    return account
