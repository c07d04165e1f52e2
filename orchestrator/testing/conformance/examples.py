"""Examples of requests that a real participant accepts: real skus, real cards. Other fields are made up."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format, message_factory, text_format

from orchestrator.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

_PARTS = ("request", "rejected", "given", "observe")


@dataclass(frozen=True, slots=True)
class Example:
    """The user's example for one rpc.

    Attributes:
        request: fields of a request that the participant accepts. Identities are replaced by fresh ones.
        rejected: fields, over those of ``request``, that the participant refuses; ``None`` where none are known.
        given: rpcs of the same service that must have completed for the same identity before.
        observe: queries of the same service that show the effect, by their names, with the requests to send. A query
            whose request can be derived from the command's need not be named.
    """

    request: Message
    rejected: Message | None = None
    given: tuple[str, ...] = ()
    observe: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)


class Examples:
    """The examples of one service.

    Args:
        service: the service.
        examples: by the name of the rpc.
    """

    def __init__(self, service: ServiceDescriptor, examples: Mapping[str, Example] | None = None) -> None:
        self._service = service
        self._examples = dict(examples or {})

    @classmethod
    def read(cls, service: ServiceDescriptor, path: Path) -> Examples:
        """The examples of a file of JSON; see :meth:`parse`.

        Raises:
            ContractError: the file cannot be read, or does not fit the contract.
        """
        try:
            return cls.parse(service, json.loads(path.read_text()))
        except (OSError, ValueError, ContractError) as error:
            raise ContractError(f"{path}: {error}") from error

    @classmethod
    def parse(cls, service: ServiceDescriptor, document: Mapping[str, Any]) -> Examples:
        """The examples of a document, by the name of the rpc.

        Each example is an object with any of ``request``, ``rejected``, ``given`` and ``observe``; see
        :class:`Example`. A request is protobuf's JSON, or a string in protobuf's text format. A query to observe has
        one, or a list.

        Raises:
            ContractError: an rpc or a field does not exist, or a value does not fit.
        """
        if not isinstance(document, dict):
            raise ContractError("examples are an object, by the name of the rpc")
        return cls(service, {name: _example(_method(service, name), said) for name, said in document.items()})

    def of(self, rpc: str) -> Example:
        """The example of an rpc; an empty one where none was given."""
        known = self._examples.get(rpc)
        return Example(_request(self._service.methods_by_name[rpc])) if known is None else known


def _example(method: MethodDescriptor, said: object) -> Example:
    if not isinstance(said, dict) or (unknown := sorted(set(said) - {*_PARTS})):
        what = "no object" if not isinstance(said, dict) else f"unknown {', '.join(unknown)}"
        raise ContractError(f"{method.name}: {what}; an example has {', '.join(_PARTS)}")
    given = tuple(said.get("given", ()))
    for name in given:
        _method(method.containing_service, name)
    rejected = _parsed(method, said["rejected"]) if "rejected" in said else None
    queries = {name: _method(method.containing_service, name) for name in said.get("observe", {})}
    observe = {name: _all_parsed(query, said["observe"][name]) for name, query in queries.items()}
    return Example(_parsed(method, said.get("request", {})), rejected, given, observe)


def _method(service: ServiceDescriptor, name: str) -> MethodDescriptor:
    if name in service.methods_by_name:
        return service.methods_by_name[name]
    near = difflib.get_close_matches(name, service.methods_by_name, n=1)
    known = f"did you mean {near[0]}?" if near else f"it has {', '.join(service.methods_by_name)}"
    raise ContractError(f"{service.name} has no rpc {name}; {known}")


def _request(method: MethodDescriptor) -> Message:
    return message_factory.GetMessageClass(method.input_type)()


def _all_parsed(method: MethodDescriptor, said: object) -> tuple[Message, ...]:
    return tuple(_parsed(method, each) for each in (said if isinstance(said, list) else [said]))


def _parsed(method: MethodDescriptor, said: object) -> Message:
    message = _request(method)
    try:
        if isinstance(said, str):
            return text_format.Parse(said, message)
        if not isinstance(said, dict):
            raise ContractError(f"{method.name}: a request is an object, or a string in text format")
        return json_format.ParseDict(said, message)
    except (text_format.ParseError, json_format.ParseError) as error:
        raise ContractError(f"{method.name}: {error}") from error
