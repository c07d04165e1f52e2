"""An rpc as an operation of OpenAPI, for one of its bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from google.protobuf.descriptor import FieldDescriptor

from orchestrator.api.openapi.comments import comment_on
from orchestrator.api.openapi.constraints import is_required
from orchestrator.api.openapi.schemas import reference
from orchestrator.api.over_http.streams import EVENTS, LINES
from orchestrator.contract.access import roles_of
from orchestrator.participant.http_answers import JSON, PROBLEM
from orchestrator.participant.transcoding.fields import is_bare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.descriptor import Descriptor

    from orchestrator.api.openapi.schemas import Schema, Schemas
    from orchestrator.participant.transcoding import Binding, Rule

    Fields = tuple[FieldDescriptor, ...]

PROBLEM_SCHEMA: Final = "Problem"
_REQUEST_ID: Final = "request_id"


def operation(rule: Rule, binding: Binding, schemas: Schemas, operation_id: str) -> dict[str, Any]:
    """The operation.

    Args:
        rule: of the rpc.
        binding: the one that is described.
        schemas: take the schemas that the operation refers to.
        operation_id: names it among all.
    """
    method = rule.method
    text = comment_on(method.full_name, method.containing_service.file.name)
    roles = [role.name for role in roles_of(method)]
    described: dict[str, Any] = {
        "operationId": operation_id,
        "summary": text.partition(". ")[0].removesuffix(".") or method.name,
        "description": " ".join(filter(None, [text, f"Needs the role {' and '.join(roles)}." if roles else ""])),
        "parameters": [*_of_path(binding, schemas), *_of_query(binding, schemas), *_of_header(binding)],
        "responses": {
            "200": {"description": "The reply.", "content": _reply(rule, schemas)},
            "default": {
                "description": "A refusal.",
                "content": {PROBLEM: {"schema": reference(PROBLEM_SCHEMA)}},
            },
        },
    }
    if body := _body(binding, schemas):
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    return described


def path_of(binding: Binding) -> str:
    """The path with its variables, as OpenAPI writes it; a variable stands for all of its segments."""
    parts = [part if isinstance(part, str) else f"{{{_name(binding, part.field)}}}" for part in binding.template.parts]
    return "/" + "/".join(parts) + (f":{binding.template.verb}" if binding.template.verb else "")


def _name(binding: Binding, field: str) -> str:
    fields = next(each for each in binding.paths if ".".join(part.name for part in each) == field)
    return _json_path(fields)


def _json_path(fields: Fields) -> str:
    return ".".join(field.json_name for field in fields)


def _of_path(binding: Binding, schemas: Schemas) -> Iterator[Schema]:
    for variable, fields in zip(binding.template.variables, binding.paths, strict=True):
        parameter = _parameter("path", fields, schemas) | {"required": True}
        if variable.segments != ("*",):
            shape = "/".join(variable.segments)
            parameter["description"] = f"{parameter.get('description', '')} It has the form {shape}.".strip()
        yield parameter


def _of_query(binding: Binding, schemas: Schemas) -> Iterator[Schema]:
    if binding.body == "*":
        return
    taken = {*binding.paths, (binding.body,)}
    for fields in _leaves(binding.method.input_type, (), taken):
        yield _parameter("query", fields, schemas) | ({"required": True} if all(map(is_required, fields)) else {})


def _leaves(kind: Descriptor, at: Fields, taken: set[Any]) -> Iterator[Fields]:
    """The fields that a query can say; a message within itself is not looked into twice."""
    for field in kind.fields:
        fields, inner = (*at, field), field.message_type
        if fields in taken:
            continue
        if is_bare(field):
            yield fields
        elif inner is not None and not field.is_repeated and not _is_known(inner, at):
            yield from _leaves(inner, fields, taken)


def _is_known(kind: Descriptor, at: Fields) -> bool:
    """Whether it has no form for a query, or is within itself."""
    return kind.full_name.startswith("google.protobuf.") or kind in {each.message_type for each in at}


def _parameter(place: str, fields: Fields, schemas: Schemas) -> Schema:
    schema = schemas.field(fields[-1])
    text = schema.pop("description", "")
    described = {"description": text} if text else {}
    return {"name": _json_path(fields), "in": place, **described, "schema": schema}


def _of_header(binding: Binding) -> Iterator[Schema]:
    field = binding.method.input_type.fields_by_name.get(_REQUEST_ID)
    if field is not None and binding.verb != "GET":
        text = f"Stands for `{field.json_name}`, where the request does not say it."
        yield {"name": "Idempotency-Key", "in": "header", "description": text, "schema": {"type": "string"}}


def _body(binding: Binding, schemas: Schemas) -> Schema | None:
    if isinstance(binding.body, FieldDescriptor):
        return schemas.field(binding.body)
    kind = binding.method.input_type
    if binding.body is None:
        return None
    in_path = {fields[0] for fields in binding.paths if len(fields) == 1}
    return (
        schemas.fields(kind, [each for each in kind.fields if each not in in_path])
        if in_path
        else schemas.message(kind)
    )


def _reply(rule: Rule, schemas: Schemas) -> dict[str, Any]:
    body = rule.response_body
    schema = schemas.message(rule.method.output_type) if body is None else schemas.field(body)
    if not rule.method.server_streaming:
        return {JSON: {"schema": schema}}
    result = {"type": "object", "required": ["result"], "properties": {"result": schema}}
    error = {"type": "object", "required": ["error"], "properties": {"error": reference(PROBLEM_SCHEMA)}}
    return {
        LINES: {"schema": {"description": "One line of many.", "oneOf": [result, error]}},
        EVENTS: {"schema": {"type": "string", "description": "Events, whose data is JSON: a message; or an error."}},
    }
