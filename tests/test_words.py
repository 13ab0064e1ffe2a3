"""Numbers, plurals, durations, times and money are written one way, each in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from events.money import money
from flowdeck import words

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flowdeck", "events", "processors", "lab", "eda_site")
ELSEWHERE = {
    r"['\"]s?['\"] if .+ (==|!=) 1 ": {"flowdeck/words.py"},  # plurals: words.counted, words.noun
    r"f\} ms\b|\[.ms.\]\} ms": {"flowdeck/words.py"},  # durations: words.duration
    "€": {"events/money.py", "static/js/shop/products.js"},  # money: money(), its claim by a script
    r"naturaltime|intcomma": set(),  # ages and numbers: ago, thousands
    r"\|(date|time):\"[^\"]*H:i": set(),  # moment says the zone, hour the date if it is not today
}


def sources() -> Iterator[tuple[str, str]]:
    folders = [(ROOT / name, "*.py") for name in PACKAGES]
    folders += [(ROOT / "templates", "*.html"), (ROOT / "flowdeck/templates", "*.html")]
    folders += [(ROOT / "static/js", "*.js"), (ROOT / "flowdeck/static/flowdeck/js", "*.js")]
    for folder, kind in folders:
        for file in folder.rglob(kind):
            yield str(file.relative_to(ROOT)), file.read_text()


@pytest.mark.parametrize("spelled", ELSEWHERE)
def test_nothing_is_spelled_out_elsewhere(spelled: str) -> None:
    found = {name for name, text in sources() if re.search(spelled, text)}
    assert found - ELSEWHERE[spelled] == set()


def test_counts() -> None:
    assert words.counted(1, "event") == "1 event"
    assert words.counted(0, "event") == "0 events"
    assert words.counted(1234, "delivery", "deliveries") == "1,234 deliveries"


def test_money() -> None:
    assert money(Decimal("1299")) == "€1,299.00"
