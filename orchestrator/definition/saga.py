"""``@saga``: an async function over generated stubs, registered by name and version."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf.message import Message

from orchestrator.contract.attributes import attribute_fields, sensitive_attributes
from orchestrator.contract.rules.messages import why_sensitive
from orchestrator.definition.participants import Participant, read_participants
from orchestrator.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import ModuleType

    from google.protobuf.descriptor import ServiceDescriptor

    from orchestrator.contract.command import Command

Input = TypeVar("Input", bound=Message)
Stubs = TypeVar("Stubs")
Result = TypeVar("Result", bound=Message)

LONGEST_SAGA = timedelta(days=3_660)
"""The longest deadline: ten years. A saga that may take longer has no deadline."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, eq=False)
class SagaDefinition(Generic[Input, Stubs, Result]):
    """The code of a saga and what its signature says.

    Attributes:
        name: the name under which it is started.
        version: a saga stays on the version with which it started.
        function: the async function itself.
        input: the generated class of the message with which it is started.
        stubs: the frozen dataclass of stubs that it receives.
        result: the generated class of the message that it returns.
        participants: the fields of ``stubs``.
        attributes: the fields of the input by whose values its sagas can be listed.
        deadline: how long a saga may take; ``None`` for any time.
        reserve: how much of the deadline is kept for compensations.
    """

    name: str
    version: int
    function: Callable[[Input, Stubs], Awaitable[Result]]
    input: type[Input]
    stubs: type[Stubs]
    result: type[Result]
    participants: tuple[Participant, ...]
    attributes: tuple[str, ...]
    deadline: timedelta | None = None
    reserve: timedelta = timedelta(0)

    @property
    def commands(self) -> Mapping[str, Command]:
        """Every rpc of the participants, and compensations and verifies in other services, by full name."""
        own = {each.name: each for participant in self.participants for each in participant.commands.values()}
        others = (other for each in own.values() for other in (each.compensation, each.verify) if other is not None)
        return {other.name: other for other in others} | own

    @property
    def services(self) -> Mapping[str, ServiceDescriptor]:
        """The services of the participants, and others of their compensations and verifies, by full name."""
        own = {each.service.full_name: each.service for each in self.participants}
        pools = {name: service.file.pool for name, service in own.items()}
        others = {
            other.service: pools[each.service].FindServiceByName(other.service)
            for each in self.commands.values()
            for other in (each.compensation, each.verify)
            if other is not None and each.service in pools
        }
        return others | own

    def __call__(self, saga_input: Input, stubs: Stubs, /) -> Awaitable[Result]:
        """Call the function itself, as unit tests do with stubs of their own. The engine starts sagas durably."""
        return self.function(saga_input, stubs)

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


def saga(
    name: str, *, version: int, deadline: timedelta | None = None, reserve: timedelta = timedelta(0)
) -> Callable[[Callable[[Input, Stubs], Awaitable[Result]]], SagaDefinition[Input, Stubs, Result]]:
    """Declare an async function ``(input message, frozen dataclass of stubs) -> message`` to be a saga.

    Args:
        name: lower-case letters, digits and underscores.
        version: from 1; raise it when the commands or their order change.
        deadline: how long a saga may take. When only the reserve is left of it, a saga before its pivot is rolled
            back; a saga past its pivot keeps going, and is shown as overdue.
        reserve: how much of the deadline is kept for compensations.

    Raises:
        DefinitionError: the name, the version or the signature cannot work.
    """
    _refuse_unusable(name, version, deadline, reserve)

    def declare(function: Callable[[Input, Stubs], Awaitable[Result]]) -> SagaDefinition[Input, Stubs, Result]:
        input_type, stubs, result = _signature(name, function)
        _refuse_hiding(name, version, function)
        for field in sensitive_attributes(input_type.DESCRIPTOR):
            raise DefinitionError(f"saga {name!r}: {input_type.DESCRIPTOR.file.name}: {why_sensitive(field)}")
        return SagaDefinition(
            name=name,
            version=version,
            function=function,
            input=input_type,
            stubs=stubs,
            result=result,
            participants=read_participants(stubs),
            attributes=attribute_fields(input_type.DESCRIPTOR),
            deadline=deadline,
            reserve=reserve,
        )

    return declare


def _refuse_unusable(name: str, version: int, deadline: timedelta | None, reserve: timedelta) -> None:
    if not _NAME.fullmatch(name):
        raise DefinitionError(f"saga name {name!r}: use up to 64 lower-case letters, digits and underscores")
    if version < 1:
        raise DefinitionError(f"saga {name!r}: versions count from 1, not {version}")
    if deadline is not None and deadline > LONGEST_SAGA:
        raise DefinitionError(f"saga {name!r}: its deadline is {deadline}; state up to {LONGEST_SAGA}, or none")
    if reserve < timedelta(0) or (deadline is not None and deadline <= reserve) or (deadline is None and reserve):
        raise DefinitionError(f"saga {name!r}: the reserve must be less than the deadline, and not negative")


_declared: dict[tuple[str, str], tuple[str, int]] = {}
"""The name and version of each declared function, by its module and its name there."""


def _refuse_hiding(name: str, version: int, function: Callable[..., Any]) -> None:
    """Refuse a function that hides an earlier saga of the same name: that saga would silently not be served."""
    place = (function.__module__, function.__qualname__)
    known = _declared.setdefault(place, (name, version))
    if known != (name, version) and "<locals>" not in function.__qualname__:
        raise DefinitionError(
            f"{function.__module__}: the function {function.__name__} of {name} v{version} hides that of "
            f"{known[0]} v{known[1]}; give each version's function a name of its own: {function.__name__}_{version}"
        )


def definitions_in(modules: Iterable[ModuleType]) -> tuple[SagaDefinition[Any, Any, Any], ...]:
    """Every saga definition that the modules hold, by name and version.

    Raises:
        DefinitionError: two definitions share a name and a version.
    """
    found: dict[tuple[str, int], SagaDefinition[Any, Any, Any]] = {}
    for module in modules:
        for value in vars(module).values():
            if not isinstance(value, SagaDefinition):
                continue
            other = found.setdefault((value.name, value.version), value)
            if other is not value:
                raise DefinitionError(
                    f"{value} is defined twice: in {other.function.__module__} and in {value.function.__module__}"
                )
    return tuple(found[key] for key in sorted(found))


def _signature(name: str, function: Callable[..., Any]) -> tuple[type[Any], type[Any], type[Any]]:
    if not inspect.iscoroutinefunction(function):
        raise DefinitionError(f"saga {name!r} must be an async function")
    try:
        hints = typing.get_type_hints(function)
    except NameError as error:
        raise DefinitionError(
            f"saga {name!r}: {error}; import the types of its signature where the module runs, not under TYPE_CHECKING"
        ) from None
    parameters = list(inspect.signature(function).parameters)
    if len(parameters) != len(("input", "stubs")):
        raise DefinitionError(f"saga {name!r} must take two parameters: its input and its dataclass of stubs")
    input_type, stubs, result = (hints.get(key) for key in (*parameters, "return"))
    for role, kind in (("first parameter", input_type), ("result", result)):
        if not (isinstance(kind, type) and issubclass(kind, Message)):
            raise DefinitionError(f"saga {name!r}: its {role} must be annotated with a protobuf message class")
    if not isinstance(stubs, type):
        raise DefinitionError(f"saga {name!r}: its second parameter must be annotated with its dataclass of stubs")
    return typing.cast("type[Any]", input_type), stubs, typing.cast("type[Any]", result)
