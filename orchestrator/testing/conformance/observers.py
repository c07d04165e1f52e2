"""The queries through which the kit sees what a command does.

A query of the same service can be asked where its request can be filled by name and type:

1. from the command's request; this can be asked before the command, too;
2. from the command's reply, or from one message in it, such as an id that the participant gives. This cannot be asked
   before the command. So such a query shows an effect only where the id differs from command to command, and where the
   query does not answer for a made-up id;
3. as the example says, under ``observe``.

Fields without a source, such as a page size, stay empty, provided that the other fields name this one command. A query
that names nothing in particular is left out, because it shows other commands, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from orchestrator.contract.command import Effect
from orchestrator.contract.derivation import Derivation
from orchestrator.contract.sources import FieldSource, Origin, field_sources, matching_field
from orchestrator.testing.samples import violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.testing.conformance.examples import Example

    Question = Callable[[Message, Message | None], Message | None]

_WELL_KNOWN: Final = "google.protobuf."


class ObservingQuery(NamedTuple):
    """One query, and the function that makes its request.

    Attributes:
        query: the query.
        question: makes its request from the command's request and, where it is known, its reply; ``None`` as long as
            the reply is needed and not known.
    """

    query: Command
    question: Question


def observers_of(command: Command, example: Example, siblings: Mapping[str, Command]) -> dict[str, ObservingQuery]:
    """Every query that may show the effect, by its name."""
    queries = [each for each in siblings.values() if each.effect is Effect.QUERY and _descriptor(each.request).fields]
    derived = {
        query.method: ObservingQuery(query, question) for query in queries if (question := _derived(command, query))
    }
    named = {
        f"{name}#{number}" if number > 1 else name: ObservingQuery(siblings[name], _always(request))
        for name, requests in example.observe.items()
        for number, request in enumerate(requests, start=1)
    }
    return derived | named


def _always(request: Message) -> Question:
    return lambda _request, _reply: request


def _derived(command: Command, query: Command) -> Question | None:
    request, response, wanted = map(_descriptor, (command.request, command.response, query.request))
    sources = field_sources(wanted, request, response)
    held = [
        (name, tuple(_or_from(source, message) for source in sources)) for name, message in _holders(response, sources)
    ]
    choices = [each for each in (("", sources), *held) if _asks_about(each[1], command)]
    if not choices:
        return None
    # The fullest request and, among equals, the one that can be asked first.
    holder, chosen = min(choices, key=lambda each: sum(source.is_missing for source in each[1]))
    return _question(query, chosen, holder)


def _asks_about(sources: tuple[FieldSource, ...], command: Command) -> bool:
    """Whether all fields have a source, or the fields with a source name the command."""
    return not any(each.is_missing for each in sources) or any(
        each.path and (each.origin is Origin.RESPONSE or each.path[0].name in command.identities) for each in sources
    )


def _or_from(source: FieldSource, message: Descriptor) -> FieldSource:
    if not source.is_missing:
        return source
    found = matching_field(message, source.field)
    return replace(source, origin=Origin.RESPONSE, path=(found,) if found else ())


def _holders(response: Descriptor, sources: tuple[FieldSource, ...]) -> Iterator[tuple[str, Descriptor]]:
    """The response, and the messages in it, in which an id may stand; by the field that holds them."""
    yield "", response
    if any(each.origin is Origin.RESPONSE and each.path for each in sources):
        return  # the contract itself says that a value stands in the response
    for field in response.fields:
        if (message := _single(field)) is not None:
            yield field.name, message


def _single(field: FieldDescriptor) -> Descriptor | None:
    message = field.message_type
    if message is None or field.is_repeated or message.full_name.startswith(_WELL_KNOWN):
        return None
    return message


def _question(query: Command, sources: tuple[FieldSource, ...], holder: str) -> Question:
    derivation = Derivation(query.name, query.request, sources)

    def question(request: Message, reply: Message | None) -> Message | None:
        if derivation.needs_response and (reply is None or (holder and not reply.HasField(holder))):
            return None
        asked = derivation.derive(request, getattr(reply, holder) if holder else reply)
        return None if violations(asked) else asked

    return question


def _descriptor(message: type[Message]) -> Descriptor:
    # The two implementations of protobuf name their descriptor types differently; they behave alike.
    return cast("Descriptor", message.DESCRIPTOR)
