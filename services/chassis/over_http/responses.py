"""Answers as responses of HTTP: a reply as JSON, a status as problem details."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from google.rpc import error_details_pb2, status_pb2

from orchestrator.participant.http_answers import JSON, PROBLEM, RETRY_AFTER, STATUSES, problem
from orchestrator.participant.metadata import IDEMPOTENCY_KEY
from orchestrator.participant.transcoding import Rule
from services.chassis.arrivals import Answer


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response.

    Attributes:
        status: its status.
        body: its body.
        content_type: of the body.
        headers: the others, names in lower case.
    """

    status: int
    body: bytes
    content_type: str = PROBLEM
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def start(self) -> dict[str, Any]:
        """The message of ASGI that begins it."""
        lengths = [("content-type", self.content_type), ("content-length", str(len(self.body)))]
        headers = [(name.encode(), value.encode("latin-1")) for name, value in (*lengths, *self.headers)]
        return {"type": "http.response.start", "status": self.status, "headers": headers}


def of_answer(answer: Answer, rule: Rule) -> Response:
    """The response that says an answer.

    Raises:
        UnfitMessageError: JSON has no form for the reply.
    """
    echo = () if answer.echo is None else ((IDEMPOTENCY_KEY, answer.echo),)
    if answer.reply is not None:
        return Response(HTTPStatus.OK, rule.content(answer.reply), JSON, echo)
    assert answer.status is not None
    return _of_status(answer.code.name, answer.status, echo)


def of_problem(status: int, message: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A response by HTTP itself, which no method of the service has given."""
    return Response(status, json.dumps(problem(status, message)).encode(), headers=headers)


def _of_status(code: str, status: status_pb2.Status, headers: tuple[tuple[str, str], ...]) -> Response:
    info, request, retry = (
        _detail(status, kind())
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
    )
    told = problem(
        STATUSES[code],
        status.message,
        code=code,
        reason=info.reason if info else "",
        metadata=info.metadata if info else None,
        violations=_violations(request.field_violations if request else ()),
    )
    if retry:
        headers = (*headers, (RETRY_AFTER, f"{retry.retry_delay.ToTimedelta().total_seconds():g}"))
    return Response(STATUSES[code], json.dumps(told).encode(), headers=headers)


def _detail(status: status_pb2.Status, detail: Any) -> Any:  # noqa: ANN401 - google.rpc ships no types
    """The detail of that type, filled; ``None`` where there is none."""
    return next((detail for packed in status.details if packed.Unpack(detail)), None)


def _violations(violations: Iterable[Any]) -> Iterable[tuple[str, str]]:
    return [(each.field, each.description) for each in violations]
