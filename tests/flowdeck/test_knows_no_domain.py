"""The library knows no domain, and no word of one: not of the shop, not of the lab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import global_settings
from django.utils.module_loading import import_string

from flowdeck.conf import Conf

_LIBRARY = Path(__file__).resolve().parents[2] / "flowdeck"
_KINDS = ("py", "html", "js", "css", "sql", "svg")
_NOUNS = (
    "basket|cart|checkout|customer|invoice|lamp|learner|lesson|mug|outbox|payment|pupil|purchase"
    "|quantity|quiz|refund|shop|sku|stock|student|teacher|warehouse"
)
_PATTERNS = {
    "a noun of the domain": rf"(?i)(?<![a-z])(?:{_NOUNS})(?:s|es|ed)?(?![a-z])",
    "the lab": r"(?<![A-Za-z])[Ll]abs?(?![A-Za-z])",
    # "In order" is everybody's word; an order, some orders and order-42 are the shop's.
    "an order": (r"\borders\b|\border[-_](?:\d|id\b)|[\"']order-|\bOrder\b(?! (?:of|kept)\b)"),
    "a name in CamelCase": r"\b(?:Order|Payment|Customer|Inventory|Shop|Lab|Stock)[A-Z]\w*",
    "a name in snake_case": r"(?:shop|lab|teacher|customer|payment|stock)_|_(?:shop|lab|teacher)\b",
    "an import": r"^\s*(?:from|import) (?:events|processors|lab|eda_site|tests)\b",
    "an app label": r"\b(?:app|app_name|app_label|label) ?= ?[\"'](?:events|shop|lab)\b",
    "a template or a namespace": r"[\"'](?:events|shop|lab)(?:[:.]|/\w+\.(?:html|css|js))",
    "the package as it was called": r"[.\"']_events_|`events`|events\.access",
    "a table": r"\b(?:events|shop|lab)_(?:event|delivery|lane|stream|attempt|order)",
    "a group": r"name=[\"'](?:admin|operator|viewer|teacher|customer)[\"']",
}
_ALLOWED = {  # a parameter that is called events
    ("observe/traces.py", "the package as it was called"),
    ("telemetry.py", "the package as it was called"),
    ("testing/snapshot.py", "a noun of the domain"),  # that of Django's mails
}


def _wrong(line: str) -> Iterator[str]:
    for what, pattern in _PATTERNS.items():
        if re.search(pattern, line):
            yield what


def _found() -> Iterator[str]:
    for path in sorted(_LIBRARY.rglob("*")):
        place = path.relative_to(_LIBRARY).as_posix()
        if path.suffix.lstrip(".") not in _KINDS:
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for what in _wrong(line):
                if (place, what) not in _ALLOWED:
                    yield f"{place}:{number}: {what}: {line.strip()[:120]}"


def test_no_file_of_the_library_has_a_word_of_the_domain() -> None:
    assert list(_found()) == []


@pytest.mark.parametrize(
    "line",
    [
        'placeholder="Order, event id, correlation, type"',
        "streams and orders by their whole name",
        'grant("view_log", "teacher")',
        "from events.models import Product",
        'return render(request, "events/nothing_open.html")',
        'reverse("shop:shop")',
        ".my-orders { position: static; }",
        ".lab-side { display: none; }",
        "class Example(OrderCreated):",
        'label = "events"',
        "user._events_roles = known",
        "SELECT * FROM events_delivery",
        'Group.objects.get(name="admin")',
    ],
)
def test_a_word_of_the_domain_would_be_found(line: str) -> None:
    assert list(_wrong(line))


@pytest.mark.parametrize(
    "line",
    [
        "events of one key are handled in order",
        "ORDER BY position",
        "Order of events is kept per key",
        'path("events/<int:position>/", log.event, name="event"),',
        "available = collaborate(label)",
    ],
)
def test_words_of_everybody_are_allowed(line: str) -> None:
    assert list(_wrong(line)) == []


def test_what_a_project_could_have_too_is_named_after_the_library() -> None:
    config = apps.get_app_config("flowdeck")
    assert {model._meta.db_table.partition("_")[0] for model in config.get_models()} == {"flowdeck"}
    assert import_string("flowdeck.urls.app_name") == "flowdeck"
    assert all(group.startswith("flowdeck-") for group in Conf().GROUPS.values())


def test_the_library_reads_settings_of_django_and_its_own_only() -> None:
    known = {name for name in dir(global_settings) if name.isupper()} | {"FLOWDECK"}
    read = {
        name
        for path in _LIBRARY.rglob("*.py")
        for found in re.findall(
            r"\bsettings\.([A-Z_]{3,})|attr\(settings, \"(\w+)", path.read_text()
        )
        for name in found
        if name
    }
    assert "FLOWDECK" in read
    assert read <= known
