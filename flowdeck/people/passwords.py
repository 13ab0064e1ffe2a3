"""What a changed password means for API tokens: they end with it, whoever changed it and where."""

from __future__ import annotations

from typing import Any

from flowdeck.people import tokens


class TokensEnd:
    """For ``AUTH_PASSWORD_VALIDATORS``: not a rule, but told by Django of every changed password.

    Whoever changes a password because somebody else may know it wants tokens gone that the other
    may have made.
    """

    def validate(self, password: str, user: Any = None) -> None:
        """Nothing to say against it."""

    def password_changed(self, password: str, user: Any = None) -> None:
        """Revoke all tokens of ``user``; the audit notes it under their name."""
        if user is not None:
            tokens.revoke_all(tokens.of(user), by=user.get_username())

    def get_help_text(self) -> str:
        """Said beside the fields of a new password."""
        return "API tokens end with the old password; make new ones on the account page."
