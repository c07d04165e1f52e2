"""What a file says for the matrix and the simulator: the input of a saga, and the replies that it needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from orchestrator.analysis.plan.child_command import SERVICE
from orchestrator.analysis.plan.reader import read_plan
from orchestrator.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.definition.saga import SagaDefinition

    Definition = SagaDefinition[Any, Any, Any]


def read_input(definition: Definition, path: Path) -> Message:
    """An order of a file in protobuf's JSON.

    Raises:
        ContractError: the file cannot be read, or does not fit the saga's input.
    """
    return _parsed(_document(path), definition.input(), str(path))


def read_examples(definition: Definition, path: Path) -> dict[str, Message]:
    """The replies of a file: an object of protobuf's JSON, by the name of the rpc.

    Raises:
        ContractError: the file cannot be read, or a reply fits no rpc of the saga's participants.
    """
    document = _document(path)
    if not isinstance(document, dict):
        raise ContractError(f"{path}: examples are an object, by the name of the rpc")
    return {
        name: _parsed(reply, find_command(definition, name).response(), f"{path}: {name}")
        for name, reply in document.items()
    }


def by_full_name(definition: Definition, examples: Mapping[str, Message]) -> dict[str, Message]:
    """The replies by the full names of their rpcs.

    Raises:
        ContractError: one is for no rpc of the saga's participants, or is no reply of it.
    """
    found: dict[str, Message] = {}
    for name, reply in examples.items():
        command = find_command(definition, name)
        replies, is_reply = command.response.DESCRIPTOR.full_name, reply.DESCRIPTOR.full_name
        if replies != is_reply:
            raise ContractError(f"an example for {name}: it replies {replies}, not {is_reply}")
        found[command.name] = reply
    return found


def find_command(definition: Definition, name: str) -> Command:
    """The rpc of this name: ``AssessOrder``, ``FraudService.AssessOrder``, or in full; or the child of this name.

    Raises:
        ContractError: none of the saga's participants has it, or several have.
    """
    commands = {
        command.name: command
        for command in definition.commands.values()
        if name in {command.method, command.short_name, command.name}
    } | {
        step.command.name: step.command
        for step in read_plan(definition).steps()
        if step.command.service == SERVICE and name in {step.command.method, step.command.name}
    }
    if not commands:
        raise ContractError(f"an example for {name}: no participant of {definition} has such an rpc")
    if len(commands) > 1:
        raise ContractError(f"an example for {name}: say which, {' or '.join(sorted(commands))}")
    (command,) = commands.values()
    return command


def _document(path: Path) -> Any:  # noqa: ANN401 - anything that JSON holds
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ContractError(f"{path}: {error}") from error


def _parsed(document: Any, message: Message, where: str) -> Message:  # noqa: ANN401 - as above
    try:
        return json_format.ParseDict(document, message)
    except (json_format.ParseError, TypeError, AttributeError) as error:
        raise ContractError(f"{where}: {error}") from error
