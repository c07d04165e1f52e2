"""What the replicas of every simulated world serve, and what its customers start."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.plan.nodes import Issue, walk
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.contract.command import Effect, OnUnknown
from orchestrator.errors import ContractError, DefinitionError, InvalidInput
from orchestrator.testing.examples import by_full_name
from orchestrator.testing.mock import ContractParticipant
from orchestrator.testing.samples import violations
from orchestrator.testing.simulation.inputs import sample_inputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from random import Random

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message

    from orchestrator.analysis.plan.plan import Plan
    from orchestrator.contract.command import Command
    from orchestrator.definition.participants import Participant
    from orchestrator.definition.saga import SagaDefinition

    Definition = SagaDefinition[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class SagasUnderTest:
    """The sagas of the simulated worlds; :func:`sagas_under_test` makes and checks them.

    Attributes:
        definitions: every definition that is served.
        plans: their plans, by name and version as ``str`` has them.
        starts: what customers start, each with the inputs from which one is drawn.
        replies: fields of replies that must not be made up, by the full name of the rpc.
        varies_contracts: each world draws what a contract may choose, such as its attempts; else contracts are as
            declared.
    """

    definitions: tuple[Definition, ...]
    plans: Mapping[str, Plan]
    starts: tuple[tuple[Definition, tuple[Message, ...]], ...]
    replies: Mapping[str, Message]
    varies_contracts: bool = False

    @property
    def services(self) -> tuple[ServiceDescriptor, ...]:
        """The contracts of all participants."""
        return tuple({name: each for d in self.definitions for name, each in d.services.items()}.values())

    @property
    def outdated(self) -> frozenset[str]:
        """What was served before the latest deploy, as ``str`` has it: all but the newest of several versions.

        Empty where no saga has several.
        """
        newest = {each.name: each for each in sorted(self.definitions, key=lambda each: each.version)}
        if len(newest) == len(self.definitions):
            return frozenset()
        alone = Counter(each.name for each in self.definitions)
        return frozenset(
            str(each) for each in self.definitions if newest[each.name] is not each or alone[each.name] == 1
        )

    def draw(self, random: Random) -> tuple[Definition, ...]:
        """What the replicas of one world serve: the code is always the same, what contracts may choose is drawn."""
        if not self.varies_contracts:
            return self.definitions
        declared = {name: each for definition in self.definitions for name, each in definition.commands.items()}
        drawn = {name: _draw_contract(command, random) for name, command in declared.items()}

        def redrawn(participant: Participant) -> Participant:
            commands = {name: drawn[command.name] for name, command in participant.commands.items()}
            return dataclasses.replace(participant, commands=commands)

        return tuple(
            dataclasses.replace(definition, participants=tuple(map(redrawn, definition.participants)))
            for definition in self.definitions
        )


def sagas_under_test(
    definitions: Sequence[Definition],
    *,
    started: Iterable[Definition] | None = None,
    inputs: Mapping[str, Sequence[Message]] | None = None,
    examples: Mapping[str, Message] | None = None,
    varies_contracts: bool = False,
) -> SagasUnderTest:
    """Make the sagas of the simulated worlds.

    Args:
        definitions: what is served; a child saga must be among them.
        started: what customers start; by default the newest version of each saga that is no child of another.
        inputs: what customers start a saga with, by its name; made up from its contract by default.
        examples: replies, by the name of the rpc; what they leave out is made up from the contract.
        varies_contracts: see :class:`SagasUnderTest`.

    Raises:
        DefinitionError: there is no saga, a plan cannot be read, or a child is not among them.
        ContractError: a contract cannot be mocked, or an example is for no rpc of these sagas.
        InvalidInput: an input breaks its contract, or none can be made up.
    """
    if not definitions:
        raise DefinitionError("there is no saga to simulate")
    plans = {str(definition): read_plan(definition) for definition in definitions}
    children = _children(plans)
    if started is None:
        newest = {definition.name: definition for definition in sorted(definitions, key=lambda each: each.version)}
        started = [each for each in newest.values() if str(each) not in children] or newest.values()
    starts = tuple((each, _inputs_of(each, (inputs or {}).get(each.name))) for each in started)
    sagas = SagasUnderTest(tuple(definitions), plans, starts, _replies(definitions, examples or {}), varies_contracts)
    for service in sagas.services:
        ContractParticipant([service])
    return sagas


def _children(plans: Mapping[str, Plan]) -> frozenset[str]:
    """The sagas that others run as their children; each of them must have a plan."""
    children: set[str] = set()
    for parent, plan in plans.items():
        for node in walk(plan.root):
            if not isinstance(node, Issue) or node.child is None:
                continue
            child = f"{node.child.name} v{node.child.version}"
            if child not in plans:
                raise DefinitionError(
                    f"{parent} runs {child} as its child, which is not among the sagas to simulate; "
                    "name the module that holds it as well"
                )
            children.add(child)
    return frozenset(children)


def _inputs_of(definition: Definition, given: Sequence[Message] | None) -> tuple[Message, ...]:
    if given is None:
        try:
            return sample_inputs(str(definition), definition.input)
        except InvalidInput as error:
            raise DefinitionError(f"no input can be made up for {definition}, give one: {error}") from error
    for each in given:
        if wrong := violations(each):
            raise InvalidInput(*wrong)
    return tuple(given)


def _replies(definitions: Sequence[Definition], examples: Mapping[str, Message]) -> dict[str, Message]:
    """The replies by the full names of their rpcs, each of which some definition has."""
    replies: dict[str, Message] = {}
    for name, reply in examples.items():
        found: dict[str, Message] = {}
        for definition in definitions:
            with contextlib.suppress(ContractError):
                found |= by_full_name(definition, {name: reply})
        replies |= found or by_full_name(definitions[0], {name: reply})  # which says what is wrong
    return replies


def _draw_contract(command: Command, random: Random) -> Command:
    legal = [OnUnknown.RESEND, OnUnknown.RESEND, OnUnknown.SUSPEND]
    if command.effect is Effect.COMPENSABLE:
        legal.append(OnUnknown.COMPENSATE)
    if command.verify is not None:
        legal.append(OnUnknown.VERIFY)
    undo = command.compensation
    return dataclasses.replace(
        command,
        on_unknown=random.choice(legal),
        retry=dataclasses.replace(command.retry, attempts=random.randint(1, 4)),
        compensation=None if undo is None else _draw_contract(undo, random),
    )
