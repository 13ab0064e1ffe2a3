"""``manage.py schemas``: each class of change gets the verdict that the documentation gives it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from django.conf import settings
from django.core import checks
from django.core.management import CommandError, call_command
from pydantic import BaseModel

from flowdeck import Personal
from flowdeck.declare import lock as schemas
from flowdeck.declare import upcasting
from flowdeck.declare.compatibility import Change, changes
from flowdeck.declare.registry import registry
from tests.probe.events import Renamed

DOCS = Path(settings.BASE_DIR) / "docs" / "schema_evolution.md"
ROW = re.compile(r"^\| ([\w ]+) \| (yes|no) \| (yes|no) \| (passes|fails) \|", re.MULTILINE)


class Base(BaseModel, extra="forbid"):
    """What all payloads below have."""

    id: int


class Plain(Base):
    name: str
    size: int
    colour: Literal["red", "green"]


class Defaulted(Base):
    name: str = ""
    size: int
    colour: Literal["red", "green"]


class Added(Plain):
    note: str


class AddedWithDefault(Plain):
    note: str = ""


class Removed(Base):
    size: int
    colour: Literal["red", "green"]


class FieldRenamed(Base):
    title: str
    size: int
    colour: Literal["red", "green"]


class Retyped(Plain):
    size: str  # type: ignore[assignment]


class Widened(Plain):
    size: float  # type: ignore[assignment]


class Narrowed(Base):
    name: str
    size: int
    colour: Literal["red"]


class Marked(Base):
    name: Annotated[str, Personal(subject="id", was=("title",))]
    size: int
    colour: Literal["red", "green"]


class MarkedOfSize(Base):
    name: Annotated[str, Personal(subject="size", was=("title",))]
    size: int
    colour: Literal["red", "green"]


class MarkedNow(Base):
    name: Annotated[str, Personal(subject="id")]
    size: int
    colour: Literal["red", "green"]


def of(old: type[BaseModel], new: type[BaseModel]) -> Callable[[], list[Change]]:
    return lambda: changes("Thing", schemas.schema_of(old), schemas.schema_of(new))


def against(**types: dict[str, Any]) -> Callable[[], list[Change]]:
    """Changes of the declared types, against a lock in which these schemas differ."""

    def found() -> list[Change]:
        lock = {name: dict(versions) for name, versions in schemas.current().items()}
        for name, versions in types.items():
            lock.pop(name, None)
            if versions:
                lock[name] = versions
        return schemas.check(lock)

    return found


CLASSES: dict[str, Callable[[], list[Change]]] = {
    "type added": against(Renamed={}),
    "field added with default": of(Plain, AddedWithDefault),
    "field added without default": of(Plain, Added),
    "field removed": of(Plain, Removed),
    "field renamed": of(Plain, FieldRenamed),
    "field retyped": of(Plain, Retyped),
    "field widened": of(Plain, Widened),
    "field narrowed": of(Widened, Plain),
    "enum widened": of(Narrowed, Plain),
    "enum narrowed": of(Plain, Narrowed),
    "default removed": of(Defaulted, Plain),
    "default given": of(Plain, Defaulted),
    "personal mark added": of(Plain, Marked),
    "personal mark removed": of(Marked, Plain),
    "personal subject changed": of(Marked, MarkedOfSize),
    "type renamed or removed": against(Vanished={"1": {}}),
    "version raised with upcaster": against(Renamed={"1": {}, "2": {}}),
    "version raised without upcaster": against(Probed={"0": {}}),
    "version lowered": against(Renamed={"4": {}}),
}


def documented() -> dict[str, tuple[bool, bool, bool]]:
    return {
        kind: (backward == "yes", forward == "yes", verdict == "passes")
        for kind, backward, forward, verdict in ROW.findall(DOCS.read_text())
    }


def test_the_table_in_the_docs_names_each_class() -> None:
    assert set(documented()) == set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_of_change_has_the_documented_verdict(kind: str) -> None:
    (change,) = CLASSES[kind]()
    assert change.kind == kind
    assert (change.backward, change.forward, not change.breaks("backward")) == documented()[kind]
    assert change.breaks("full") == (not (change.backward and change.forward))


def test_a_former_name_of_a_personal_field_can_not_be_dropped() -> None:
    (change,) = of(Marked, MarkedNow)()
    assert change.breaks("backward")
    assert "name, once title" in change.detail


def test_a_new_version_can_not_forget_what_was_personal() -> None:
    personal = {"properties": {"title": {"x-personal": {"subject": "id", "was": []}}}}
    (change,) = against(Renamed={"1": personal, "2": {}})()
    assert (change.kind, change.detail) == ("personal mark removed", "title of v1")
    assert "was=('title',)" in change.advice
    assert change.breaks("backward")


def test_the_shops_types_are_locked() -> None:
    lock = schemas.read(Path(settings.BASE_DIR) / "schemas.lock")
    shop = [change for change in schemas.check(lock) if change.kind != "type added"]
    assert shop == []
    assert set(lock["OrderCreated"]) == {"1", "2"}
    email = lock["OrderCreated"]["2"]["properties"]["email"]
    assert email["x-personal"] == {"subject": "user_id", "was": []}


def test_the_command_refuses_what_breaks_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "schemas.lock"
    call_command("schemas", "--write", lock=path, stdout=io.StringIO())
    call_command("schemas", "--check", "--rule", "full", lock=path, stdout=io.StringIO())
    path.write_text(path.read_text().replace('"Renamed"', '"Forgotten"'))
    before, out = path.read_text(), io.StringIO()
    for action in ("--check", "--write"):
        with pytest.raises(CommandError, match="break the rule 'backward'"):
            call_command("schemas", action, lock=path, stdout=out)
    assert "BREAKS Forgotten: type renamed or removed" in out.getvalue()
    assert "keep Forgotten declared" in out.getvalue()
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("step", "sample", "message"),
    [
        (("Renamed", 1), None, "has no sample"),
        (("Renamed", 1), {"no": "title"}, "does not bring its sample up to date"),
        (("Renamed", 3), {}, "leads nowhere, or round in circles"),
    ],
)
def test_a_faulty_step_of_a_chain_is_an_error_at_start(
    step: tuple[str, int], sample: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upcasting.faults() == []
    monkeypatch.setitem(upcasting._chain, step, lambda data: {**data, "size": 0})
    monkeypatch.delitem(upcasting._samples, step, raising=False)
    if sample is not None:
        monkeypatch.setitem(upcasting._samples, step, sample)
    errors = [m.msg for m in checks.run_checks(tags=["flowdeck"]) if m.id == "flowdeck.E005"]
    assert any(message in text for text in errors)


def test_a_rename_that_the_sample_does_not_show_is_an_error_at_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(upcasting._renames, ("Renamed", 2), {"title": "name", "size": "length"})
    [error] = [m.msg for m in checks.run_checks(tags=["flowdeck"]) if m.id == "flowdeck.E005"]
    assert "says that it renames size to length, but its sample does not show it" in error


def test_two_steps_from_one_version_are_an_error_at_start() -> None:
    @upcasting.upcaster(Renamed, from_version=1)
    def another(data: dict[str, Any]) -> dict[str, Any]:
        return data

    assert "two upcasters from version 1" in registry.problems.pop()
