"""The state of an instance: typed, versioned, and kept as JSON."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from flowdeck.errors import HandlerContractError, StateFromNewerCode

M = TypeVar("M", bound=Callable[..., Any])


class State(BaseModel):
    """Base class of the states of processes; ``step`` is the one field that the engine knows.

    Subclasses declare ``step`` with a StrEnum, whose members are the steps of the flow, and take
    ``version=`` as events do (:func:`state_upcaster` brings older ones up to date). What is
    personal stays in events: a state must not have a field that is marked so.
    """

    model_config = ConfigDict(validate_assignment=True, extra="forbid", allow_inf_nan=False)
    __version__: ClassVar[int] = 1
    step: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Keep the class arguments for pydantic's hook."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, *, version: int = 1, **kwargs: Any) -> None:
        """Note the version."""
        super().__pydantic_init_subclass__(**kwargs)
        cls.__version__ = version


_upcasters: dict[tuple[type[State], int], Callable[[dict[str, Any]], dict[str, Any]]] = {}


def state_upcaster(state: type[State], *, from_version: int) -> Callable[[M], M]:
    """Declare the decorated pure function as the step from ``from_version`` of a state to the
    next one, as :func:`flowdeck.upcaster` does for events."""

    def register(function: M) -> M:
        _upcasters[state, from_version] = function
        return function

    return register


def steps_of(state: type[State]) -> list[str]:
    """The members of the StrEnum of its ``step``; none if it has no such field."""
    kind = typing.get_type_hints(state).get("step")
    return list(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def stored_state(state: type[State], version: int, data: Mapping[str, Any]) -> State:
    """A stored state, brought to the declared version.

    Raises StateFromNewerCode, or HandlerContractError if a step between the versions is missing.
    """
    if version > state.__version__:
        raise StateFromNewerCode(
            f"{state.__name__} was stored with version {version}, newer than this code's "
            f"{state.__version__}."
        )
    found = dict(data)
    for step in range(version, state.__version__):
        function = _upcasters.get((state, step))
        if function is None:
            raise HandlerContractError(
                f"{state.__name__} has no upcaster from version {step} to {step + 1}: declare "
                f"one with @state_upcaster({state.__name__}, from_version={step})."
            )
        found = function(found)
    return state.model_validate(found)
