"""In whose name a command acts, why, and on what: ``--as``, ``--reason`` and ``--seen``."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser

from flowdeck import parsing
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


def add_seen(parser: CommandParser) -> None:
    """Declare ``--seen DIGEST``."""
    parser.add_argument(
        "--seen",
        metavar="DIGEST",
        help="as a dry run printed it: do nothing if it would be about something else by now",
    )


def told_seen(seen: str | int) -> str:
    """What a dry run says of what it was about: a digest, or the number of the last run."""
    return f"To do just this: --seen {seen}"


def reason_of(options: dict[str, Any], *, needed_to: str = "") -> str:
    """``--reason`` as it may be kept.

    Raises CommandError if it is too long, or missing though it is ``needed_to`` do something.
    """
    found = parsing.reason(options["reason"], needed=bool(needed_to))
    if found is None:
        most = f"of at most {parsing.LONGEST_REASON} characters."
        raise CommandError(
            f"To {needed_to} needs a --reason {most}" if needed_to else f"Give a --reason {most}"
        )
    return found


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
        audit.refused(action, by=account, reason=decision.reason)
        raise CommandError(decision.reason)
    return account
