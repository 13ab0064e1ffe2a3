"""The database of the log, ``FLOWDECK["DATABASE"]``: all of the library goes to it from here.

Modules import ``connection`` and ``transaction`` from here and not from Django, whose own are those
of ``default``. Models find their way by :class:`Router`, which a project with several databases
adds to ``DATABASE_ROUTERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from django.contrib.auth import get_user_model
from django.db import connections, router
from django.db import transaction as of_any
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import Atomic

from flowdeck.conf import conf

_APP = "flowdeck"
WITH_PEOPLE = frozenset(("apitoken", "savedview"))
"""Models whose rows belong to a user, and end with them: they lie where users do."""


def alias() -> str:
    """The name that ``DATABASES`` has for it."""
    return conf().DATABASE


class _Connection:
    """This thread's connection to it, whichever that is when it is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(connections[alias()], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(connections[alias()], name, value)

    def __delattr__(self, name: str) -> None:
        delattr(connections[alias()], name)


class transaction:  # noqa: N801 (stands for the module of that name)
    """What is used of ``django.db.transaction``, in this database."""

    @staticmethod
    def atomic(*, savepoint: bool = True) -> Atomic:
        """A block that commits whole or not at all."""
        return of_any.atomic(using=alias(), savepoint=savepoint)

    @staticmethod
    def on_commit(act: Callable[[], Any]) -> None:
        """Act once what is under way is committed; at once outside of a transaction."""
        of_any.on_commit(act, using=alias())

    @staticmethod
    def set_rollback(rollback: bool) -> None:
        """Let the block around end without or with a commit."""
        of_any.set_rollback(rollback, using=alias())


@contextmanager
def atomic_with_people() -> Iterator[None]:
    """A block for what is kept of users together with the log, wherever users are.

    In two databases the log commits first: it may tell of what then did not happen, never less.
    """
    users = router.db_for_write(get_user_model())
    with ExitStack() as blocks:
        for using in (users, alias()) if users != alias() else (users,):
            blocks.enter_context(of_any.atomic(using=using))
        yield


connection = cast(BaseDatabaseWrapper, _Connection())


class Router:
    """For ``DATABASE_ROUTERS``: the library's tables lie in ``FLOWDECK["DATABASE"]`` only.

    Says nothing about other apps. API tokens and saved views lie where the users do.
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """Where its rows are read."""
        meta = model._meta
        return _home(meta.model_name) if meta.app_label == _APP else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        """Where its rows are written."""
        return self.db_for_read(model)

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool | None:
        """Nothing against what is in one database."""
        return None

    def allow_migrate(
        self, db: str, app_label: str, model_name: str | None = None, **hints: Any
    ) -> bool | None:
        """Whether a migration is for this database."""
        return db == _home(model_name) if app_label == _APP else None


def _home(model_name: str | None) -> str:
    return router.db_for_write(get_user_model()) if model_name in WITH_PEOPLE else alias()
