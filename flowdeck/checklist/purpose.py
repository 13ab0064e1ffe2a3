"""Processors that break a rule on purpose, to show what comes of it: told apart, not counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_why: dict[str, str] = {}


def wrong_on_purpose(processor: str, why: str) -> None:
    """Let the design review tell of ``processor``, and what it is to show, without judging it."""
    _why[processor] = why


def judged(found: Mapping[str, str]) -> list[str]:
    """Of what was found, by processor, that which nobody meant to be so."""
    return [text for processor, text in found.items() if processor not in _why]


def told(found: Iterable[str]) -> str:
    """What the others of these processors are to show; "" if there are none."""
    meant = [f"{name} ({_why[name]})" for name in dict.fromkeys(found) if name in _why]
    return f"Wrong on purpose, so not counted: {'; '.join(meant)}." if meant else ""
