"""Django's PostgreSQL backend, whose connections are lent (``ENGINE = "eda_site.postgresql"``).

``OPTIONS["connections"]`` says how many of them there are at most in this process.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from eda_site.postgresql.lending import Connection, Lending


class DatabaseWrapper(base.DatabaseWrapper):
    """What a thread asks of the database; closing it gives its connection back."""

    _lendings: ClassVar[dict[tuple[str, str], Lending]] = {}

    @property
    def _lending(self) -> Lending:
        key = (self.alias, self.settings_dict["NAME"])
        if key not in self._lendings:
            size = self.settings_dict["OPTIONS"]["connections"]
            self._lendings.setdefault(key, Lending(size))  # threads may come here together
        return self._lendings[key]

    def get_connection_params(self) -> dict[str, Any]:
        """What a connection is opened with."""
        params: dict[str, Any] = super().get_connection_params()
        params.pop("connections")
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Borrow a connection. Raises what :meth:`Lending.take` does."""
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return self._lending.take(partial(super().get_new_connection, conn_params))

    def _close(self) -> None:
        if self.connection is not None:
            connection, self.connection = self.connection, None
            self._lending.give_back(connection)
