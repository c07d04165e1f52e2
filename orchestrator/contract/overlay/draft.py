"""Writes the draft of an overlay, for a person to correct. What it does not know it asks, in comments.

The draft is careful. A command that names no identity is ``not_idempotent``, so that it is never sent twice in doubt; a
compensation that names none is refused by ``orchestrator check``, unless a field looks like one. An rpc whose name
tells nothing is left in comments, so that ``orchestrator check`` names it where a saga calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.descriptor import FieldDescriptor

from orchestrator.contract.command import Effect
from orchestrator.contract.options import is_sensitive, method_options
from orchestrator.contract.overlay.conventions import (
    compensations_among,
    guess_effect,
    looks_like_identity,
    looks_sensitive,
)
from orchestrator.contract.reader import identity_fields
from orchestrator.contract.sources import field_sources, matching_field, type_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor, ServiceDescriptor

_HEADER: Final = """\
# yaml-language-server: $schema={schema}
#
# A draft: names have told what is written here. Read each entry, answer what is asked, and remove the questions.
# Then check it:  orchestrator check --overlay <this file> --sagas <your module>
"""

_HARMLESS: Final = frozenset({FieldDescriptor.TYPE_BOOL, FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_MESSAGE})
"""What is not masked by its name: a message is masked by its fields."""


def draft_overlay(files: Iterable[FileDescriptor], schema: str) -> str:
    """The text of an overlay for all services of these files.

    Args:
        files: the contracts, of any pool.
        schema: where the overlay's JSON schema lies, for editors.
    """
    files = tuple(files)
    services = [service for file in files for service in file.services_by_name.values()]
    methods = [line for service in services for line in _service(service)]
    fields = list(_fields(services))
    parts = [_HEADER.format(schema=schema), "\nmethods:\n" if any(map(_is_said, methods)) else "\nmethods: []\n"]
    parts += [f"{line}\n" for line in methods]
    if fields:
        parts += ["\n# What must not be shown is masked in logs, traces, the API and the command line.\nfields:\n"]
        parts += [f"{line}\n" for line in fields]
    return "".join(parts)


def _is_said(line: str) -> bool:
    return bool(line) and not line.startswith("#")


def _service(service: ServiceDescriptor) -> Iterator[str]:
    yield f"# {service.full_name}"
    undoes = {
        undo: method.name
        for method in service.methods
        if (found := compensations_among(method.name, service.methods_by_name)) and (undo := found[0])
    }
    for method in service.methods:
        yield from _method(method, undoes.get(method.name, ""))
    yield ""


def _method(method: MethodDescriptor, undoes: str) -> Iterator[str]:
    """The entry of one rpc."""
    name = method.full_name
    if method_options(method).ByteSize():
        yield f"# {name}: its contract says it itself."
        return
    if method.client_streaming or method.server_streaming:
        yield f"# {name}: it streams, so no saga can call it."
        return
    compensations = compensations_among(method.name, method.containing_service.methods_by_name)
    effect = Effect.RETRYABLE if undoes else guess_effect(method.name, compensations)
    if effect is Effect.UNSPECIFIED:
        yield f"# Question: what does {method.name} do to the world? QUERY, COMPENSABLE, PIVOT or RETRYABLE?"
        yield f"# - method: {name}"
        yield "#   effect:"
        return
    if effect is Effect.PIVOT:
        yield "# Question: can its effect be taken back, here or by another service? Then it is COMPENSABLE."
    yield f"- method: {name}"
    yield f"  effect: {effect.name}"
    if effect is Effect.COMPENSABLE:
        yield from _compensation(method, compensations)
    if effect is not Effect.QUERY:
        yield from _identity(method, is_undo=bool(undoes))
    if effect in {Effect.COMPENSABLE, Effect.PIVOT}:
        yield "  # Question: how does it refuse? A status that is no definite refusal by itself needs a rule:"
        yield '  # outcomes: [{code: UNKNOWN, message_contains: "declined", outcome: REJECTED}]'


def _compensation(method: MethodDescriptor, compensations: tuple[str, ...]) -> Iterator[str]:
    chosen, *others = compensations
    if others:
        yield f"  # Question: is it {chosen}, or {' or '.join(others)}?"
    undo = method.containing_service.methods_by_name[chosen]
    missing = [
        source.field
        for source in field_sources(undo.input_type, method.input_type, method.output_type)
        if source.is_missing
    ]
    if not missing:
        yield f"  compensation: {chosen}"
        return
    yield "  compensation:"
    yield f"    method: {chosen}"
    yield "    request:"
    for field in missing:
        yield from _filling(method, field)


def _filling(method: MethodDescriptor, field: FieldDescriptor) -> Iterator[str]:
    """Where a field of a compensation's request may come from: the response, else nothing is known."""
    if matching_field(method.output_type, field) is not None:
        yield f"      {field.name}: {{response: {field.name}, when_unknown: SUSPEND}}"
        return
    request, response = (_offered(message, field) for message in (method.input_type, method.output_type))
    yield f"      # Question: what is its `{type_name(field)} {field.name}`? Of the same type are"
    yield f"      # in the request: {request}; in the response: {response}."
    yield f"      {field.name}: {{request: {field.name}}}"


def _offered(message: Descriptor, wanted: FieldDescriptor) -> str:
    return ", ".join(field.name for field in message.fields if type_name(field) == type_name(wanted)) or "none"


def _identity(method: MethodDescriptor, *, is_undo: bool) -> Iterator[str]:
    """What is asked of a command whose request has no identity; a compensation is sent until it ends, and needs one."""
    if identity_fields(method):
        return
    likely = [field.name for field in method.input_type.fields if looks_like_identity(field.name)]
    yield "  # Question: does it recognise a repeated command? By fields of the request: `identity: [...]`;"
    yield "  # by the metadata idempotency-key: `identity_by_metadata: true`."
    if likely:
        yield f"  {'' if is_undo else '# '}identity: [{', '.join(likely)}]"
    if not is_undo:
        yield "  not_idempotent: true"


def _fields(services: Iterable[ServiceDescriptor]) -> Iterator[str]:
    """Entries for the fields that may hold what must not be shown, of all messages that the services use."""
    methods = [method for service in services for method in service.methods]
    waiting = [message for method in methods for message in (method.input_type, method.output_type)]
    seen: set[str] = set()
    while waiting:
        message = waiting.pop(0)
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        waiting += [field.message_type for field in message.fields if field.message_type is not None]
        for field in message.fields:
            if field.type not in _HARMLESS and looks_sensitive(message.name, field.name) and not is_sensitive(field):
                yield f"- field: {field.full_name}"
                yield "  sensitive: true"
