"""What of the flow map is asked for, from untrusted parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flowdeck.dashboard.flow.facts import MINUTE, PROCESSOR, TYPE
from flowdeck.dashboard.flow.topology import BROKER, TOPOLOGIES, mediators
from flowdeck.declare.registry import registry

ALL = "all"
WINDOWS = {10: "10 s", MINUTE: "1 min", 3_600: "1 h"}
"""Seconds that rates and percentiles are of, and how they are called."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the map is asked for: around ``focus``, with read models, with processors that never
    got anything (``unused``), of one ``topology`` (empty: of all), ``node`` selected; rates of the
    ``window``."""

    focus: str = ""
    models: bool = False
    node: str = ""
    unused: bool = False
    topology: str = ""
    window: int = MINUTE

    @classmethod
    def of(cls, query: Mapping[str, Any]) -> Choice:
        """From untrusted parameters."""
        text = {name: str(query.get(name, ""))[:120] for name in ("focus", "node")}
        models, unused = (query.get(name) == "1" for name in ("models", "unused"))
        topology = str(query.get("topology", BROKER)) if mediators() else ""
        topology = topology if topology in TOPOLOGIES else ""
        windows = {str(seconds): seconds for seconds in WINDOWS}
        window = windows.get(str(query.get("window", "")), MINUTE)
        return cls(
            focus=_key(text["focus"]),
            models=models,
            node=text["node"],
            unused=unused,
            topology=topology,
            window=window,
        )

    @property
    def window_label(self) -> str:
        """How the window is called: ``10 s``."""
        return WINDOWS[self.window]

    @property
    def kept(self) -> list[tuple[str, str]]:
        """The parameters that stay when another focus is chosen."""
        return parse_qsl(self.query(focus="", node="").removeprefix("?"))

    def query(self, **changes: Any) -> str:
        """The parameters of an address, with some changed: ``?focus=type%3AProbed``."""
        values = {
            "focus": self.focus,
            "models": "1" if self.models else "",
            "unused": "1" if self.unused else "",
            "topology": self.topology,
            "window": "" if self.window == MINUTE else str(self.window),
            "node": self.node,
        }
        values |= changes
        if mediators():
            asked = values["topology"]
            values["topology"] = {BROKER: "", "": ALL}.get(asked, asked)
        return "?" + urlencode({name: value for name, value in values.items() if value})


def _key(asked: str) -> str:
    """The key of a node that is asked for by its key or by its name."""
    if asked in registry.event_types:
        return f"{TYPE}:{asked}"
    return f"{PROCESSOR}:{asked}" if asked in registry.processors else asked
