"""A check for ``manage.py verify``: the read models are what a replay of the log gives."""

from __future__ import annotations

from collections.abc import Iterator

from flowdeck.errors import CheckImpossible, ReplayRefused
from flowdeck.replay import runs
from flowdeck.replay.differences import Difference
from flowdeck.verification import Scope, check
from flowdeck.words import counted


@check("read models equal a replay")
def _agreement(scope: Scope) -> Iterator[str]:
    try:
        models = runs.compared()
    except ReplayRefused as refused:
        raise CheckImpossible(str(refused)) from refused
    for model in models:
        for difference in model["differences"]:
            yield str(Difference(**difference))
        if more := model["differing"] - len(model["differences"]):
            yield f"{model['model']}: {counted(more, 'more row', 'more rows')} differing"
