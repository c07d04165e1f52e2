"""The description of all that is answered over HTTP, as OpenAPI 3.1."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pool

from orchestrator.api.openapi.comments import comment_on
from orchestrator.api.openapi.operations import PROBLEM_SCHEMA, operation, path_of
from orchestrator.api.openapi.schemas import WELL_KNOWN, Schemas
from orchestrator.api.over_http.methods import rules_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BEARER: Final = "bearer"
_DISTRIBUTION: Final = "saga-orchestrator"
_PROBLEM: Final = {
    "type": "object",
    "description": "Why a request is refused (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "description": "The status of HTTP."},
        "detail": {"type": "string", "description": "What a person reads."},
        "code": {"type": "string", "description": "The name of the status code of gRPC."},
        "reason": {"type": "string", "description": "What a program may branch on, in UPPER_SNAKE."},
        "metadata": {
            "type": "object",
            "description": "The facts behind it.",
            "additionalProperties": {"type": "string"},
        },
        "violations": {
            "type": "array",
            "description": "The fields at fault.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "description": {"type": "string"}},
            },
        },
        "details": {
            "type": "array",
            "description": "The details of the google.rpc.Status.",
            "items": WELL_KNOWN["google.protobuf.Any"],
        },
    },
}


def description(services: Iterable[str]) -> bytes:
    """The description of these services, in JSON.

    Args:
        services: their full names; their stubs are imported.
    """
    return json.dumps(document(services), ensure_ascii=False, indent=1).encode()


def document(services: Iterable[str]) -> dict[str, Any]:
    """The description of these services; see :func:`description`.

    Raises:
        RuleError: a rule makes no sense.
    """
    schemas, names = Schemas(), _short_names(services)
    paths = _paths(names, schemas)
    found = map(descriptor_pool.Default().FindServiceByName, names)
    tags = [
        {"name": names[each.full_name], "description": comment_on(each.full_name, each.file.name)} for each in found
    ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Saga orchestrator",
            "version": version(_DISTRIBUTION),
            "description": "The API that is served over gRPC, as JSON over HTTP. Fields at their default are left out.",
        },
        "servers": [{"url": "/"}],
        "security": [{_BEARER: []}],
        "tags": [{name: text for name, text in tag.items() if text} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())) | {PROBLEM_SCHEMA: _PROBLEM},
            "securitySchemes": {_BEARER: {"type": "http", "scheme": "bearer"}},
        },
    }


def _short_names(services: Iterable[str]) -> dict[str, str]:
    """Names for people and for generated code, by full names: without the package, where that tells them apart."""
    services = sorted(services)
    short = [name.rpartition(".")[2] for name in services]
    return {
        name: short_name if short.count(short_name) == 1 else name.replace(".", "_")
        for name, short_name in zip(services, short, strict=True)
    }


def _paths(names: Mapping[str, str], schemas: Schemas) -> dict[str, dict[str, Any]]:
    """The operations by path and method. Paths that differ in the names of their variables alone are one."""
    paths: dict[str, dict[str, Any]] = {}
    first: dict[str, str] = {}
    for rule in rules_of(names):
        service = names[rule.method.containing_service.full_name]
        for number, binding in enumerate(rule.bindings, 1):
            operation_id = f"{service}_{rule.method.name}" + (f"_{number}" if number > 1 else "")
            path = first.setdefault(binding.template.shape, path_of(binding))
            verb = "post" if binding.verb == "*" else binding.verb.lower()
            paths.setdefault(path, {})[verb] = operation(rule, binding, schemas, operation_id) | {"tags": [service]}
    return paths
