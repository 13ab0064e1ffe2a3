"""Imports run down: what ``make lint`` refuses is refused for the right reason."""

from __future__ import annotations

from copy import deepcopy
from functools import cache

import pytest
from grimp import ImportGraph, build_graph
from importlinter.api import read_configuration
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract

# Importer, imported: each was possible once, and each would tie a room to one above it.
_WRONG = (
    ("flowdeck.transfer.archiving", "flowdeck.dashboard.replay.streams"),
    ("flowdeck.people.audit", "flowdeck.letters.bulk"),
    ("flowdeck.observe.states", "flowdeck.observe.overview"),
    ("flowdeck.transfer.cloudevents", "flowdeck.transfer.importing"),
    ("flowdeck.bells.bell", "flowdeck.engine.drain"),
    ("events.orders", "processors.payment"),
    ("flowdeck.log.publishing", "events.orders"),
    ("events.shop.rows", "flowdeck.models"),
    ("processors.payment", "flowdeck.bells.bell"),
    ("lab.runs", "flowdeck.people.audit"),
)
_KINDS = {"layers": LayersContract, "forbidden": ForbiddenContract}


@cache
def _code() -> ImportGraph:
    return build_graph(*read_configuration()["session_options"]["root_packages"], cache_dir=None)


def _broken(graph: ImportGraph) -> list[str]:
    """The contracts of pyproject.toml that ``graph`` breaks."""
    said = read_configuration()
    contracts = [
        _KINDS[one["type"]](one["name"], said["session_options"], one)
        for one in said["contracts_options"]
    ]
    return [
        one.contract_options["id"]
        for one in contracts
        if not one.check(deepcopy(graph), verbose=False).kept
    ]


def test_the_code_as_it_is_breaks_none() -> None:
    assert _broken(_code()) == []


@pytest.mark.parametrize(("importer", "imported"), _WRONG)
def test_a_wrong_import_is_refused(importer: str, imported: str) -> None:
    graph = deepcopy(_code())
    assert {importer, imported} <= graph.modules
    graph.add_import(importer=importer, imported=imported)
    assert _broken(graph)


@pytest.mark.parametrize("module", ["flowdeck.helpers", "flowdeck.dashboard.statistics"])
def test_a_module_without_a_storey_is_refused(module: str) -> None:
    graph = deepcopy(_code())
    graph.add_module(module)
    assert _broken(graph)
