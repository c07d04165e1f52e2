"""The way to a running participant over HTTP, by the HTTP rules of its contract or of an overlay."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import httpx2
from google.protobuf.message import DecodeError

from orchestrator.channels.http.caller import HttpCaller
from orchestrator.channels.http.connections import Connections
from orchestrator.channels.http.outcome import HttpAnswer, outcome_of
from orchestrator.channels.http.problem import read_problem
from orchestrator.channels.http.settings import HttpSettings
from orchestrator.channels.http.status import REPLIES
from orchestrator.contract.addresses import connected_to, split_address, split_scheme
from orchestrator.contract.command import Meaning
from orchestrator.contract.http_rule import rule_of
from orchestrator.contract.status_code import StatusCode
from orchestrator.errors import ContractError
from orchestrator.journal.outcome import Completed, Rejected, Retry
from orchestrator.participant.transcoding import HttpCall, UnfitMessageError
from orchestrator.testing.conformance.answers import KEY, Answer

if TYPE_CHECKING:
    from orchestrator.connections.tls import ClientTls
    from orchestrator.contract.command import Command

_PAUSE_SECONDS: Final = 0.05
_PORTS: Final = {"http": 80, "https": 443}


class OverHttp:
    """See :class:`orchestrator.testing.conformance.way.Way`.

    Args:
        address: ``http://host:port``, or ``https://``, and the path under which the participant is.
        tls: what the connections are secured with; ``None`` for the authorities that the system trusts.

    Raises:
        SettingsError: the address is none.
    """

    def __init__(self, address: str, tls: ClientTls | None = None) -> None:
        self._address = address
        self._settings = HttpSettings(tls=tls)
        self._connections = Connections(*split_scheme(address), self._settings)
        self._callers: dict[str, HttpCaller] = {}
        self._calls: dict[str, HttpCall] = {}

    async def ready(self, seconds: float) -> None:
        """See the protocol."""
        host, port = split_address(self._address)
        async with asyncio.timeout(seconds):
            while True:
                try:
                    _, writer = await asyncio.open_connection(host, int(port or _PORTS[split_scheme(self._address)[0]]))
                except OSError:
                    await asyncio.sleep(_PAUSE_SECONDS)
                else:
                    writer.close()
                    return

    async def send_once(self, command: Command, payload: bytes, metadata: tuple[tuple[str, str], ...]) -> Answer:
        """See the protocol."""
        caller = self._caller(command)
        try:
            call = self._calls[command.name] = caller.written(payload)
        except UnfitMessageError as error:
            return Answer(StatusCode.INVALID_ARGUMENT, f"it was not sent: {error}", violations=(error.field,))
        except DecodeError:
            # What is no request in protobuf is sent as it is: it is no JSON either.
            last = self._calls[command.name]
            call = HttpCall(last.method, last.path, last.query, payload)
        timeout = command.timeout.total_seconds()
        try:
            answer = await caller.send(call, metadata, timeout)
        except TimeoutError:
            return Answer(StatusCode.DEADLINE_EXCEEDED, f"no answer within {timeout:g} s")
        except httpx2.RequestError as error:
            return Answer(StatusCode.UNAVAILABLE, f"{connected_to(self._address)}: {error!r}")
        return _read(caller, command, answer, dict(metadata).get(KEY, ""))

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    def _caller(self, command: Command) -> HttpCaller:
        if command.name not in self._callers:
            rule = rule_of(command)
            if rule is None:
                raise ContractError(
                    f"{command.name} has no HTTP rule, so it cannot be sent to {self._address}; add "
                    "`option (google.api.http)` to its contract, or `http:` to an overlay"
                )
            self._callers[command.name] = HttpCaller(self._connections, command, rule, self._settings)
        return self._callers[command.name]


def _read(caller: HttpCaller, command: Command, answer: HttpAnswer, key: str) -> Answer:
    echo = tuple(answer.header(KEY.encode()))
    outcome = caller.read(answer) if answer.status in REPLIES else outcome_of(answer, command.outcomes, key)
    if isinstance(outcome, Completed):
        return Answer(StatusCode.OK, reply=command.response.FromString(outcome.reply), echo=echo)
    code, message, reason = outcome.failure
    violations = read_problem(answer.body).violations
    return Answer(code, message, reason, violations=violations, echo=echo, ruled=_meaning(outcome))


def _meaning(outcome: object) -> Meaning:
    if isinstance(outcome, Rejected):
        return Meaning.REJECTED
    return Meaning.RETRY if isinstance(outcome, Retry) else Meaning.UNKNOWN
