"""Which database the library goes to, and what it says of the others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import override_settings

from flowdeck import processor
from flowdeck.conf import conf
from flowdeck.errors import RegistrationError
from flowdeck.sql.install import Install
from tests.probe.events import Probed

_LIBRARY = Path(__file__).resolve().parents[2] / "flowdeck"
_OWN = re.compile(r"^from django\.db import .*\b(?:connection|transaction)\b", re.MULTILINE)


class Elsewhere:
    """A router that wants nothing of the library in this database."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "replica" if model._meta.app_label == "flowdeck" else None

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "archive" if model._meta.app_label == "probe" else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return app_label != "flowdeck"


def test_no_module_goes_to_djangos_default_database() -> None:
    modules = [path for path in _LIBRARY.rglob("*.py") if path.name != "database.py"]
    found = [path for path in modules if "migrations" not in path.parts]
    assert [str(path) for path in found if _OWN.search(path.read_text())] == []


def test_a_processor_of_another_database_is_refused_with_the_way_out() -> None:
    def handler(event: Probed) -> None: ...

    with pytest.raises(RegistrationError, match=r"'archive'.*atomic=False.*idempotency_key"):
        processor("elsewhere", database="archive")(handler)


def test_a_database_that_there_is_not_is_refused() -> None:
    wrong = override_settings(FLOWDECK={"DATABASE": "lgo"})
    with (
        wrong,
        pytest.raises(ImproperlyConfigured, match=r"\['DATABASE'\] is 'lgo', but .*default"),
    ):
        conf()


@override_settings(DATABASE_ROUTERS=[f"{__name__}.Elsewhere"])
def test_check_tells_of_models_that_are_routed_elsewhere() -> None:
    found = {one.id: one.msg for one in checks.run_checks(tags=["flowdeck"])}
    assert "models of flowdeck are routed to 'replica'" in found["flowdeck.E013"]
    assert "probe.Contact, which is routed to 'archive'" in found["flowdeck.W006"]


class Editor:
    """Notes what it is told to execute."""

    def __init__(self) -> None:
        self.connection = connection
        self.executed: list[str] = []

    def execute(self, statement: str, params: Any = None) -> None:
        self.executed.append(statement)


@pytest.mark.parametrize("routers", [[], [f"{__name__}.Elsewhere"]])
def test_functions_and_triggers_are_installed_where_routers_allow(routers: list[str]) -> None:
    editor = Editor()
    with override_settings(DATABASE_ROUTERS=routers):
        Install("append_only").database_forwards("flowdeck", editor, None, None)
    assert bool(editor.executed) == (not routers)
