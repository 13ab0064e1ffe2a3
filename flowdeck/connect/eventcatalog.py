"""Files for EventCatalog (eventcatalog.dev): events, who says and hears them, where they go.

All but what was observed is made from the declarations, so it is the same wherever the code runs.
What was observed stands between two marks, which :func:`declared` leaves out.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from flowdeck.conf import conf
from flowdeck.connect import brokers
from flowdeck.connect.mapping import inlets
from flowdeck.connect.outlets import Outlet, outlets
from flowdeck.declare import lock
from flowdeck.declare.registry import Processor, registry
from flowdeck.observe import rates

_BEGIN, _END = "{/* observed */}", "{/* end of what was observed */}"
_OBSERVED = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END) + "\n", re.DOTALL)
_NAME = re.compile(r"[^\w.-]+")
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Observed:
    """How many events of each type were written, by whom, and heard, by whom, in ``days``."""

    days: float = 0.0
    written: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    heard: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def observed(days: int) -> Observed:
    """What the roll-ups know of the last days. Three queries."""
    window = rates.lately(days * _DAY)
    written: dict[str, dict[str, int]] = defaultdict(dict)
    heard: dict[str, dict[str, int]] = defaultdict(dict)
    for (name, producer), number in rates.produced(window).items():
        written[name][producer] = number
    for (name, processor), number in rates.received(window).items():
        heard[name][processor] = number
    return Observed(window.seconds / _DAY, written, heard)


def files(seen: Observed | None = None) -> dict[str, str]:
    """The texts of the catalog by their paths in it."""
    known = lock.read(Path(conf().SCHEMAS_LOCK))
    for name, versions in lock.current().items():
        known.setdefault(name, {}).update(versions)
    found: dict[str, str] = {}
    for name, declared in sorted(registry.event_types.items()):
        for version, schema in known[name].items():
            newest = int(version) == declared.version
            folder = f"events/{_path(name)}" + ("" if newest else f"/versioned/{version}")
            found[f"{folder}/schema.json"] = json.dumps(schema, indent=1) + "\n"
            found[f"{folder}/index.mdx"] = _event(name, version, seen if newest else None)
    for processor in sorted(registry.processors.values(), key=lambda one: one.name):
        found[f"services/{_path(processor.name)}/index.mdx"] = _service(processor)
    for address, broker in sorted(_channels().items()):
        found[f"channels/{_path(address)}/index.mdx"] = _channel(address, broker)
    return found


def declared(text: str) -> str:
    """A file without what was observed, to be compared."""
    return _OBSERVED.sub("", text)


def _event(name: str, version: str, seen: Observed | None) -> str:
    cls = registry.event_types[name].cls
    said = (cls.__doc__ or "").strip().split("\n\n")[0]
    front: dict[str, Any] = {"id": name, "name": name, "version": version, "summary": said}
    front["schemaPath"] = "schema.json"
    over = {one.to.format(type=name) for one in outlets.values() if name in _types(one)}
    if over:
        front["channels"] = [{"id": key} for key in sorted(over)]
    told = "" if seen is None else _told(name, seen)
    return _page(front, f'{told}\n<NodeGraph />\n\n<SchemaViewer file="schema.json" />\n')


def _told(name: str, seen: Observed) -> str:
    if not seen.days:
        text = "Nothing is known yet.\n"
    else:
        total = sum(seen.written.get(name, {}).values())
        text = f"{total / seen.days:,.1f} a day, over the last {seen.days:,.1f} days.\n"
        text += _by(seen.written.get(name, {}), "Written by")
        text += _by(seen.heard.get(name, {}), "Heard by")
    return f"{_BEGIN}\n## Observed\n\n{text}{_END}\n"


def _by(counts: Mapping[str, int], title: str) -> str:
    rows = "".join(f"- {_plain(who)}: {number:,}\n" for who, number in sorted(counts.items()))
    return f"\n{title}:\n\n{rows}" if rows else ""


def _service(processor: Processor) -> str:
    connector = outlets.get(processor.name)
    heard = _types(connector) if connector else processor.subscriptions
    receives = [{"id": name} for name in _known(heard)]
    sends = [{"id": name} for name in _known(processor.emits or ())]
    front: dict[str, Any] = {
        "id": processor.name,
        "name": processor.name,
        "version": "1",
        "summary": processor.description or "",
        "receives": receives,
        "sends": sends,
    }
    if connector is not None:
        front["sends"] = [
            {"id": name, "to": [{"id": connector.to.format(type=name)}]} for name in _known(heard)
        ]
    return _page(front, "\n<NodeGraph />\n")


def _channels() -> dict[str, str]:
    """The broker of each address that outlets send to and inlets read."""
    found = {
        one.to.format(type=name): one.broker for one in outlets.values() for name in _types(one)
    }
    return found | {one.source: one.broker for one in inlets.values()}


def _types(outlet: Outlet) -> list[str]:
    return sorted(outlet.types or registry.event_types)


def _known(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name in registry.event_types)


def _channel(address: str, broker: str) -> str:
    front: dict[str, Any] = {
        "id": address,
        "name": address,
        "version": "1",
        "summary": f"Of the broker {broker}.",
        "address": address,
    }
    with suppress(ImproperlyConfigured):
        front["protocols"] = [brokers.address(broker).scheme]
    return _page(front, "\n<ChannelInformation />\n")


def _page(front: Mapping[str, Any], body: str) -> str:
    """JSON is YAML, so no text of a declaration can end the front matter."""
    lines = "".join(f"{name}: {json.dumps(value)}\n" for name, value in front.items())
    return f"---\n{lines}---\n{body}"


def _plain(text: str) -> str:
    """A name without what MDX would take for markup."""
    return re.sub(r"[{}<>]", "", text)


def _path(name: str) -> str:
    return _NAME.sub("_", name)
