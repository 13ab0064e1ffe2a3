"""Numbers and reasons out of text that anybody may have written."""

from __future__ import annotations

import pytest

from flowdeck.parsing import LARGEST, number, reason


@pytest.mark.parametrize(
    "text",
    ["", " ", "-1", "+1", "1.0", "1e3", "0x10", "1_000", "\u0663", "\u00b2", "one", "9" * 20],
)
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert number(text) is None


def test_a_number_is_within_its_limits() -> None:
    assert [number(text) for text in ("0", "007", str(LARGEST), str(LARGEST + 1))] == [
        0,
        7,
        LARGEST,
        None,
    ]
    assert [number(text, least=1, most=10) for text in ("0", "1", "10", "11")] == [
        None,
        1,
        10,
        None,
    ]


def test_a_reason_has_1_to_300_characters_that_can_be_stored() -> None:
    assert reason(" mended\n") == "mended"
    assert reason(f" {'x' * 300} ") == "x" * 300
    assert [reason(text) for text in ("", " \n", "x" * 301, "a\x00b")] == [None] * 4
    assert reason(" ", needed=False) == ""
    assert [reason(text, needed=False) for text in ("x" * 301, "a\x00b")] == [None] * 2
