"""An answer as plain values, as the command and the API give it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flowdeck.why.answer import Answer, Fact, Link


def as_dict(found: Answer) -> dict[str, Any]:
    """The answer in lists, texts and times in ISO 8601."""
    return {
        "of": {"kind": found.subject.kind, "name": found.subject.name},
        "conclusion": found.conclusion,
        "well": found.well,
        "needs_a_person": found.needs_a_person,
        "facts": [_fact(one) for one in found.facts],
        "ways": [{"do": way.do, "then": way.then, "link": _link(way.link)} for way in found.ways],
        "others": [_fact(one) for one in found.others],
        "ruled_out": list(found.ruled_out),
        "as_of": found.as_of.isoformat(),
    }


def _fact(one: Fact) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "said": one.said,
        "more": one.more,
        "since": one.at.isoformat() if one.at else None,
        "until": one.until.isoformat() if one.until else None,
        "link": _link(one.link),
    }


def _link(link: Link | None) -> dict[str, str] | None:
    return {"kind": link.kind, "name": link.name} if link else None


def as_text(found: Answer) -> str:
    """The answer in lines, times in UTC."""
    lines = [found.conclusion]
    for number, fact in enumerate(found.facts, 1):
        lines.append(f"{number:>3}. {fact.said}{_times(fact)}")
        if fact.more:
            lines.append(f"     {fact.more}")
    for title, listed in (
        ("Would end it:", [f"{way.do}: {way.then}" for way in found.ways]),
        ("Beside it:", [other.said for other in found.others]),
        ("Ruled out:", found.ruled_out),
    ):
        if listed:
            lines += [title, *(f"   - {line}" for line in listed)]
    return "\n".join(lines)


def _times(fact: Fact) -> str:
    since = f"since {_written(fact.at)}" if fact.at else ""
    until = f"until {_written(fact.until)}" if fact.until else ""
    told = ", ".join(filter(None, (since, until)))
    return f" ({told})" if told else ""


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
