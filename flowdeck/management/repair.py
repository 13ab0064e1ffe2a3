"""``manage.py flowdeck dead_letters repair``: prove a repair in this process, then confirm it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from flowdeck.management import acting
from flowdeck.repair.asking import allowed
from flowdeck.repair.confirming import confirm
from flowdeck.repair.proof import NoRepair, edited, letter, meant, payload_of, prove
from flowdeck.words import counted

_ACTION = "repair_dead_letters"


def add_to(verbs: Any) -> None:
    """Declare ``repair`` and its arguments."""
    verb = verbs.add_parser("repair", help="another payload for one letter; proves it first")
    verb.add_argument("number", type=int)
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="text of a text field, JSON of any other; may be repeated",
    )
    verb.add_argument("--payload", metavar="FILE", help="fields as a JSON object, - for stdin")
    verb.add_argument("--confirm", action="store_true", help="write it, if the proof holds")
    verb.add_argument(
        "--unproved", action="store_true", help="also if the handler can't be tried to its end"
    )
    verb.add_argument("--reason", default="", help="why; needed to confirm")
    verb.add_argument("--json", action="store_true", help="JSON on stdout")
    acting.add_argument(verb)
    acting.add_seen(verb)


def run(stdout: Any, options: dict[str, Any]) -> None:
    """Prove, tell, and confirm if asked to. Raises CommandError if it would not help."""
    by = acting.acting(options["by"], _ACTION)
    reason = acting.reason_of(options, needed_to="repair" if options["confirm"] else "")
    try:
        found = letter(options["number"])
        given = _given(payload_of(found), options)
        payload = edited(found, given)
        proof = prove(found, payload, by=by, reason=reason)
        plain = proof.as_dict()
        if options["seen"] not in (None, proof.digest):
            raise NoRepair("Meanwhile something waits otherwise than was seen. Look again.")
        if options["confirm"]:
            allowed(plain, unproved=options["unproved"])
            plain["written"] = confirm(found.number, payload, proof.digest, by=by, reason=reason)
    except NoRepair as error:
        raise CommandError(str(error)) from error
    lines = "\n".join(told(plain))
    stdout.write(json.dumps(plain, indent=2) if options["json"] else lines)
    if not options["confirm"] and not plain["proved"]:
        raise CommandError("Nothing was written." if plain["untried"] else "It would not help.")


def told(plain: Mapping[str, Any]) -> Iterator[str]:
    """The proof for people."""
    for one in plain["changes"]:
        yield f"{one['field']}: {json.dumps(one['before'])} -> {json.dumps(one['after'])}"
    for step in plain["steps"]:
        yield (
            f"{step['state']}: {plain['processor']} on {step['type']} at {step['position']:,}"
            f" ({step['stream']}#{step['sequence']})" + (f": {step['why']}" if step["why"] else "")
        )
        for one in step["emitted"]:
            heard = f", heard by {', '.join(one['heard_by'])}" if one["heard_by"] else ""
            later = f", {one['later']}" if one["later"] else ""
            yield f"  emits {one['type']} in {one['stream']}{later}{heard}: {_short(one['data'])}"
        for one in step["tables"]:
            cells = (f"{c['field']} {c['before']!r} -> {c['after']!r}" for c in one["columns"])
            yield f"  {one['kind']} in {one['table']}: {'; '.join(cells)}"
        yield from (f"  writes by a statement of its own: {one}" for one in step["unread"])
        yield from (f"  {one}: answered from the record" for one in step["answered"])
    if plain["left"]:
        yield f"{counted(plain['left'], 'delivery', 'deliveries')} behind it not run"
    if "written" in plain:
        yield f"Corrected by the event at {plain['written']:,}; the letter is retried."
    else:
        yield "All of it was rolled back; nothing was written."
        yield acting.told_seen(plain["digest"])


def _given(now: Mapping[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if options["payload"]:
        given.update(_of_file(options["payload"]))
    for one in options["set"]:
        name, equals, text = one.partition("=")
        if not equals:
            raise CommandError(f"--set {one!r}: write it as FIELD=VALUE.")
        given[name] = meant(text, now.get(name))
    if not given:
        raise CommandError("Say what is to be otherwise: --set FIELD=VALUE, or --payload FILE.")
    return given


def _of_file(name: str) -> dict[str, Any]:
    try:
        read = json.loads(Path("/dev/stdin" if name == "-" else name).read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"--payload {name}: {error}") from error
    if not isinstance(read, dict):
        raise CommandError(f"--payload {name}: it is no JSON object.")
    return read


def _short(data: Any) -> str:
    text = json.dumps(data)
    return text if len(text) <= 200 else f"{text[:200]}…"
