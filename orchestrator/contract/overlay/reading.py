"""Reads overlay files: from YAML to the options of ``saga.v1`` and the places where they are said."""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from google.api import http_pb2
from google.protobuf import json_format, struct_pb2
from google.rpc import code_pb2
from pydantic import ValidationError

from orchestrator.contract.options import Annotations, Place
from orchestrator.contract.overlay.document import CODES, Document, FieldOptions, Method, Origin, Target
from orchestrator.contract.overlay.text import read_yaml
from orchestrator.errors import ContractError
from saga.v1 import contract_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

    from orchestrator.contract.overlay.text import Lines, Path

_UNITS: Final = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours"}


def read_overlays(texts: Mapping[str, str]) -> Annotations:
    """What overlay files say together.

    Args:
        texts: the content of each file, by the name that messages give it.

    Raises:
        ContractError: a file cannot be read, or two entries are about one method or field; each line of the message
            starts with a file and a line.
    """
    methods: dict[str, contract_pb2.Command] = {}
    fields: dict[str, contract_pb2.Field] = {}
    sensitive: set[str] = set()
    http: dict[str, http_pb2.HttpRule] = {}
    places: dict[tuple[str, str], Place] = {}
    for file, text in texts.items():
        lines = read_yaml(text, file)
        document = _parse(lines, file)
        for number, method in enumerate(document.methods):
            name = _dotted(method.method)
            _place(name, method, ("methods", number), lines, file, places)
            methods[name] = _command(method)
            if method.http is not None:
                http[name] = http_pb2.HttpRule(**method.http.model_dump(exclude_unset=True))
        for number, field in enumerate(document.fields):
            _place(field.field, field, ("fields", number), lines, file, places)
            fields[field.field] = _field(field)
            if field.sensitive:
                sensitive.add(field.field)
    return Annotations(methods, fields, frozenset(sensitive), http, places)


def _parse(lines: Lines, file: str) -> Document:
    try:
        document = Document.model_validate(lines.document)
    except ValidationError as error:
        found = (f"{file}:{lines.nearest(each['loc'])}: {_told(each)}" for each in error.errors())
        raise ContractError("\n".join(found)) from None
    wrong = [
        f"{file}:{lines.nearest(('methods', number, 'outcomes', position))}: there is no status code {rule.code!r}; "
        f"there are {', '.join(CODES)}"
        for number, method in enumerate(document.methods)
        for position, rule in enumerate(method.outcomes)
        if rule.code not in CODES
    ]
    if wrong:
        raise ContractError("\n".join(wrong))
    return document


def _told(error: ErrorDetails) -> str:
    """What is wrong at one place, in words."""
    *_, name = error["loc"] or ("the file",)
    if error["type"] == "extra_forbidden":
        known = sorted(_known_names(error["loc"]))
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
        return f"`{name}` is no option here; {hint}"
    if error["type"] == "missing":
        return f"`{name}` is missing; state it"
    if error["type"] == "string_pattern_mismatch":
        return f"`{name}` is {error['input']!r}, and no span of time; write it as 2s, 500ms, 1.5m or 1h"
    if error["type"] in {"model_type", "dict_type"}:
        return f"`{name}` is {_kind(error['input'])}; write a mapping of names and values"
    if error["type"] == "value_error":
        return f"`{name}`: {error['ctx']['error']}"
    return f"`{name}` is {error['input']!r}; {error['msg'][:1].lower()}{error['msg'][1:]}"


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else repr(value)


def _known_names(path: Path) -> Iterator[str]:
    """The options that may stand beside the last name of a path."""
    model: Any = Document
    for name in path[:-1]:
        if isinstance(name, str) and name in model.model_fields:
            found = [part for part in _parts(model.model_fields[name].annotation) if hasattr(part, "model_fields")]
            model = found[0] if found else model
    return (field.alias or name for name, field in model.model_fields.items())


def _parts(annotation: Any) -> Iterator[Any]:  # noqa: ANN401 - of any type
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts(part)


def _place(
    subject: str, said: BaseModel, path: Path, lines: Lines, file: str, places: dict[tuple[str, str], Place]
) -> None:
    """Note where each option of a subject is said.

    Raises:
        ContractError: another entry is about the same subject.
    """
    line = lines.nearest(path)
    if other := places.get((subject, "")):
        raise ContractError(
            f"{file}:{line}: {subject} has an entry already, in {other.file}:{other.line}; join the two"
        )
    places[subject, ""] = Place(file, line)
    for name in said.model_fields_set:
        places[subject, name] = Place(file, lines.nearest((*path, name)))
        if isinstance(target := getattr(said, name), Target) and target.request:
            places[subject, f"{name}_request"] = Place(file, lines.nearest((*path, name, "request")))


def _dotted(name: str) -> str:
    return name.strip("/").replace("/", ".")


def _command(method: Method) -> contract_pb2.Command:
    """What an entry says of a method, as its contract would."""
    said = contract_pb2.Command(
        identity=method.identity,
        not_idempotent=bool(method.not_idempotent),
        identity_by_metadata=bool(method.identity_by_metadata),
    )
    if method.effect:
        said.effect = contract_pb2.Effect.Value(f"EFFECT_{method.effect}")
    if method.on_unknown:
        said.on_unknown = contract_pb2.OnUnknown.Value(f"ON_UNKNOWN_{method.on_unknown}")
    if method.compensation:
        said.compensation = method.compensation.method
        said.compensation_request.extend(_fillings(method.compensation))
    if method.verify:
        said.verify = method.verify.method
        said.verify_request.extend(_fillings(method.verify))
    if method.timeout:
        said.timeout.FromTimedelta(_span(method.timeout))
    if method.queue_deadline:
        said.queue_deadline.FromTimedelta(_span(method.queue_deadline))
    _state_retry(method, said)
    for rule in method.outcomes:
        said.outcomes.add(
            code=code_pb2.Code.Value(rule.code),
            reason=rule.reason,
            outcome=contract_pb2.Outcome.Value(f"OUTCOME_{rule.outcome}"),
            message_contains=rule.message_contains,
        )
    return said


def _state_retry(method: Method, said: contract_pb2.Command) -> None:
    if method.retry is None:
        return
    said.retry.attempts = method.retry.attempts or 0
    said.retry.factor = method.retry.factor or 0
    for name in ("first_delay", "cap"):
        if span := getattr(method.retry, name):
            getattr(said.retry, name).FromTimedelta(_span(span))


def _fillings(target: Target) -> Iterator[contract_pb2.Filling]:
    for name, origin in target.request.items():
        filling = contract_pb2.Filling(field=name)
        if origin.request is not None:
            filling.request = origin.request
        if origin.response is not None:
            filling.response = origin.response
        if "constant" in origin.model_fields_set:
            filling.constant.CopyFrom(_value(origin))
        if origin.when_unknown:
            filling.when_unknown = contract_pb2.WhenUnknown.Value(f"WHEN_UNKNOWN_{origin.when_unknown}")
        yield filling


def _value(origin: Origin) -> struct_pb2.Value:
    # A number of protobuf's JSON is a double; a larger integer keeps its digits as a text, which protobuf reads, too.
    value: Any = origin.constant
    exact = str(value) if isinstance(value, int) and abs(value) > 2**53 else value
    return json_format.ParseDict(exact, struct_pb2.Value())  # type: ignore[arg-type]  # a Value is no object


def _field(field: FieldOptions) -> contract_pb2.Field:
    said = contract_pb2.Field(identity=bool(field.identity), attribute=bool(field.attribute))
    if field.source:
        said.source = contract_pb2.Source.Value(f"SOURCE_{field.source}")
    if field.when_unknown:
        said.when_unknown = contract_pb2.WhenUnknown.Value(f"WHEN_UNKNOWN_{field.when_unknown}")
    return said


def _span(text: str) -> timedelta:
    number, unit = re.fullmatch(r"([\d.]+)(\D+)", text).groups()  # type: ignore[union-attr]  # the document checks it
    return timedelta(**{_UNITS[unit]: float(number)})
