"""What a contract, or an overlay, must say of how its commands are called over HTTP.

The first three are some of the rules in :mod:`orchestrator.contract.rules.services`: they hold for what is said,
whether anybody uses it or not. The last one is asked for a participant at an address with ``http://`` or ``https://``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orchestrator.contract.addresses import HTTP, HTTPS, split_scheme
from orchestrator.contract.http_rule import compiled_rule
from orchestrator.contract.options import annotations_of
from orchestrator.contract.rpc import Rpc, commands_of
from orchestrator.contract.violation import Violation
from orchestrator.participant.transcoding import Routes, Rule, RuleError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

_SCHEMES: Final = frozenset({HTTP, HTTPS})
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "*"})


def http_rule_fits(rpc: Rpc) -> Iterator[str]:
    """What is said can be read, and speaks of fields that are there."""
    try:
        compiled_rule(rpc.method)
    except RuleError as error:
        yield f"its HTTP rule {error.told}; write it as google/api/http.proto says"


def http_effect_is_no_get(rpc: Rpc) -> Iterator[str]:
    """A call that changes something is none that anybody on the way may repeat, or answer from a cache."""
    rule = _rule(rpc.method) if rpc.is_effectful else None
    for verb in sorted({binding.verb for binding in rule.bindings} & _SAFE) if rule is not None else ():
        yield f"it has an effect, and {verb} may be repeated by anybody on the way; let it be a POST"


def http_path_is_its_own(rpc: Rpc) -> Iterator[str]:
    """No rpc before it in the service has the same method and path."""
    rules = map(_rule, rpc.method.containing_service.methods)
    try:
        Routes(rule for rule in rules if rule is not None)
    except RuleError as error:
        if error.method == rpc.method.full_name:
            yield f"its HTTP rule {error.told}; let each rpc have a path of its own"


def check_mapped(
    services: Iterable[ServiceDescriptor], where: Mapping[str, str], sent: Container[str]
) -> list[Violation]:
    """The commands that sagas may send over HTTP, and of which nobody says how.

    Args:
        services: the participants.
        where: the address of each, by its full name; of those that are not named, nothing is asked.
        sent: the full names of the rpcs that sagas may send.
    """
    return [
        _unmapped(rpc, where[service.full_name])
        for service in services
        if split_scheme(where.get(service.full_name, ""))[0] in _SCHEMES
        for rpc in commands_of(service)
        if rpc.method.full_name in sent and _rule(rpc.method) is None
    ]


def _unmapped(rpc: Rpc, address: str) -> Violation:
    method = rpc.method
    path = f"/{method.name[:1].lower()}{method.name[1:]}"
    option = f'{{post: "{path}" body: "*"}}' if rpc.is_effectful else f'{{get: "{path}"}}'
    overlaid = f'{{post: {path}, body: "*"}}' if rpc.is_effectful else f"{{get: {path}}}"
    message = (
        f"{method.containing_service.full_name} is reached at {address}, and nothing says how this command is called "
        f"there; add an option to its contract, such as `option (google.api.http) = {option};`, or `http: {overlaid}` "
        "to an overlay; or give an address with grpc://"
    )
    place = annotations_of(method.containing_service.file.pool).place(method.full_name)
    return Violation(*(place or (method.containing_service.file.name, 0)), rpc.name, "http-maps-command", message)


def _rule(method: MethodDescriptor) -> Rule | None:
    try:
        return compiled_rule(method)
    except RuleError:
        return None
