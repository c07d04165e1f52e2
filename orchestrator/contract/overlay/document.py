"""The shape of an overlay file: its options and their names. The JSON schema for editors is made of it.

The names are those of ``saga/v1/contract.proto``; its enum values are written without their prefix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from google.rpc import code_pb2
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

_SPAN: Final = r"^\d+(\.\d+)?(ms|s|m|h)$"

Span = Annotated[str, Field(pattern=_SPAN, examples=["2s", "500ms", "1.5m"])]
"""A span of time: a number and its unit, ``ms``, ``s``, ``m`` or ``h``."""

CODES: Final = tuple(name for name, _ in code_pb2.Code.items() if name != "OK")


class _Part(BaseModel):
    """A mapping in the file; a name that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Origin(_Part):
    """What fills one field of a derived request: one of `request`, `response` and `constant`."""

    request: str | None = None
    """A field of the command's request, of the same type; of a message within it, `payer.customer_id`."""
    response: str | None = None
    """A field of the command's response, named in the same way."""
    constant: Any = None
    """Always this value."""
    when_unknown: Literal["LEAVE_EMPTY", "SUSPEND"] | None = None
    """With `response`: what to do when the answer was lost."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len({"request", "response", "constant"} & self.model_fields_set) != 1:
            raise ValueError("state one of `request`, `response` and `constant`")
        return self


class Target(_Part):
    """A compensation or a verify, and what fills its request where that is not by name and type."""

    method: str
    """A method of the same service, or the full name of one of another service."""
    request: dict[str, Origin] = Field(default_factory=dict)
    """What fills the fields of its request, by the name of the field."""


def _target(value: object) -> object:
    return {"method": value} if isinstance(value, str) else value


class _OrName:
    """Tells editors that the name alone will do."""

    @staticmethod
    def __get_pydantic_json_schema__(schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


TargetOrName = Annotated[Target, BeforeValidator(_target), _OrName()]
"""A target, or only the name of its method."""


class Retry(_Part):
    """When an attempt is followed by another."""

    attempts: int | None = Field(default=None, ge=1)
    """Attempts before `on_unknown` decides, the first one included. Default: 4."""
    first_delay: Span | None = None
    """The bound of the first delay. Default: 100ms."""
    factor: float | None = None
    """The growth of the bound from one delay to the next. Default: 2."""
    cap: Span | None = None
    """The largest bound. Default: 10s."""


class OutcomeRule(_Part):
    """What a status means. All that the rule states must match."""

    code: Annotated[str, WithJsonSchema({"enum": list(CODES)})]
    """The status code."""
    outcome: Literal["REJECTED", "RETRY", "UNKNOWN"]
    """What it means: no effect, no effect yet, or perhaps an effect."""
    reason: str = ""
    """The reason in the google.rpc.ErrorInfo; none for any."""
    message_contains: str = ""
    """A part of the status's message, as it is written there; none for any."""


class CustomVerb(_Part):
    """A path, and a method of HTTP that has no name of its own here."""

    kind: str
    """The method of HTTP, such as `HEAD`."""
    path: str
    """The path."""


class Http(_Part):
    """How a method is called over HTTP: one of `get`, `put`, `post`, `delete`, `patch` and `custom`, with its path."""

    get: str | None = None
    """The path, such as `/rooms/{trip_id}`."""
    put: str | None = None
    """The path."""
    post: str | None = None
    """The path."""
    delete: str | None = None
    """The path."""
    patch: str | None = None
    """The path."""
    custom: CustomVerb | None = None
    """Another method of HTTP."""
    body: str = ""
    """The field of the request that is the body; `*` for all fields that are not in the path; none for no body."""
    response_body: str = ""
    """The field of the response that is the body; none for the whole response."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len({"get", "put", "post", "delete", "patch", "custom"} & self.model_fields_set) != 1:
            raise ValueError("state one of `get`, `put`, `post`, `delete`, `patch` and `custom`")
        return self


class Method(_Part):
    """An rpc as a command that a saga may send."""

    method: str
    """The full name: `demo.PaymentService.Charge`, or `demo.PaymentService/Charge`."""
    effect: Literal["QUERY", "COMPENSABLE", "PIVOT", "RETRYABLE"] | None = None
    """What it does to the world."""
    compensation: TargetOrName | None = None
    """The method that takes its effect back."""
    verify: TargetOrName | None = None
    """The query that tells whether it took effect."""
    on_unknown: Literal["RESEND", "VERIFY", "COMPENSATE", "SUSPEND"] | None = None
    """What to do once the attempts are spent and the outcome is unknown."""
    timeout: Span | None = None
    """How long one attempt may take. Default: 5s."""
    queue_deadline: Span | None = None
    """How long it may wait in a queue before it is begun, where its participant is reached by one."""
    retry: Retry | None = None
    """How often, and how far apart, it is attempted."""
    not_idempotent: bool | None = None
    """The participant does not recognise a repeated command, so one in doubt is never blindly sent again."""
    identity_by_metadata: bool | None = None
    """The participant recognises a repeated command by the metadata `idempotency-key`."""
    identity: list[str] = Field(default_factory=list)
    """The fields of the request by which the participant recognises a repeated command."""
    outcomes: list[OutcomeRule] = Field(default_factory=list)
    """What certain statuses mean, where that differs from their usual meaning. The first rule that matches decides."""
    http: Http | None = None
    """How it is called where its service is reached over HTTP. It replaces `(google.api.http)` of the contract."""


class FieldOptions(_Part):
    """A field of a request, a response, or a saga's input."""

    field: str
    """The full name: `demo.CreditCard.number`."""
    sensitive: bool | None = None
    """It must not be shown: it is masked in logs, traces, the API and the command line."""
    attribute: bool | None = None
    """Of a saga's input: sagas can be listed by its value."""
    source: Literal["REQUEST", "RESPONSE"] | None = None
    """Of a compensation's request: where the value comes from, whichever command is compensated."""
    when_unknown: Literal["LEAVE_EMPTY", "SUSPEND"] | None = None
    """With `source: RESPONSE`: what to do when the answer was lost."""
    identity: bool | None = None
    """It identifies the business case, in every request of its type."""


class Document(_Part):
    """What contracts that are not ours to edit do not say."""

    methods: list[Method] = Field(default_factory=list)
    fields: list[FieldOptions] = Field(default_factory=list)
    schema_: Annotated[str, Field(alias="$schema")] = ""
    """Where the schema of this file lies, for editors that ask for it here."""


def json_schema() -> dict[str, Any]:
    """The JSON schema of an overlay file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Document.model_json_schema(),
        "title": "Overlay",
    }
