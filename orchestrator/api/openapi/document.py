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
    from collections.abc import Iterable

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
    services = sorted(services)
    schemas = Schemas()
    paths = _paths(services, schemas)
    found = map(descriptor_pool.Default().FindServiceByName, services)
    tags = [{"name": each.full_name, "description": comment_on(each.full_name, each.file.name)} for each in found]
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


def _paths(services: Iterable[str], schemas: Schemas) -> dict[str, dict[str, Any]]:
    """The operations by path and method. Paths that differ in the names of their variables alone are one."""
    paths: dict[str, dict[str, Any]] = {}
    first: dict[str, str] = {}
    for rule in rules_of(services):
        name = f"{rule.method.containing_service.name}_{rule.method.name}"
        for number, binding in enumerate(rule.bindings, 1):
            operation_id = name if number == 1 else f"{name}_{number}"
            path = first.setdefault(binding.template.shape, path_of(binding))
            verb = "post" if binding.verb == "*" else binding.verb.lower()
            paths.setdefault(path, {})[verb] = operation(rule, binding, schemas, operation_id)
    return paths
