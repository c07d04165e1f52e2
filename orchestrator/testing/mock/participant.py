"""A participant made from its contract: the pure core of every mock.

It answers calls with messages derived from their requests, guards its effects as a sound participant does, records
them in a ledger, and makes any delivery fail on demand. The guard, by what is known of a command's key when a
call arrives:

    known          the command arrives         its compensation arrives     its verify query arrives
    -----------    ------------------------    -------------------------    ------------------------
    nothing        takes effect                does nothing, succeeds;      NOT_FOUND
                                               keeps the command out
    completed      the same reply              undoes it                    a reply
    rejected       the same rejection          does nothing, succeeds       NOT_FOUND
    compensated    refused                     does nothing, succeeds       NOT_FOUND

The guard echoes the key in an answer that follows from the record of the key: a reply, a recorded rejection,
COMMAND_COMPENSATED. It does not echo the key in an answer that holds for one attempt only: to a malformed request, a
key that came with another request, a refusal that is not recorded, a query.

Invariant: no effect is applied twice, nor after its compensation. No clock, no chance, no I/O: the same calls in
the same order get the same answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from orchestrator.contract.command import Effect
from orchestrator.contract.derivation import Derivation
from orchestrator.contract.reader import read_service
from orchestrator.contract.status_code import StatusCode
from orchestrator.errors import ContractError
from orchestrator.journal.outcome import Completed, Failure, Rejected
from orchestrator.testing.mock.calls import KEY, Call, Metadata, Record
from orchestrator.testing.mock.faults import LOST, NEVER_ARRIVES, REJECTION, Fault
from orchestrator.testing.mock.ledger import EffectLedger
from orchestrator.testing.samples import Sampler, violations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message

    from orchestrator.contract.command import Command
    from orchestrator.journal.outcome import Outcome

_EFFECTFUL: Final = frozenset({Effect.COMPENSABLE, Effect.PIVOT, Effect.RETRYABLE})


class ContractParticipant:
    """Serves one or more contracts without code.

    Args:
        services: the contracts.
        ledger: records its effects; a new one by default.
        replies: fields of replies that must not be made up, by the full name of the rpc.
        children: child sagas to mock, each as the command that it is to its parent.

    Attributes:
        commands: every unary rpc, and every child, by its full name.
        ledger: the effects so far.

    Raises:
        ContractError: a compensation cannot be derived from its command; see `orchestrator check`.
    """

    def __init__(
        self,
        services: Iterable[ServiceDescriptor],
        ledger: EffectLedger | None = None,
        replies: Mapping[str, Message] | None = None,
        children: Iterable[Command] = (),
    ) -> None:
        self.commands = {
            command.name: command
            for service in services
            for command in read_service(service).values()
            if not command.streaming
        }
        for child in children:
            self.commands |= {each.name: each for each in (child, child.compensation) if each is not None}
        if not self.commands:
            raise ContractError("a mock needs a service with at least one unary rpc")
        self.ledger = EffectLedger() if ledger is None else ledger
        # By the compensation's full name, for compensations that come without the key of their command.
        self._undone_by: dict[str, list[tuple[Command, Derivation]]] = {}
        for command in self.commands.values():
            if (undo := command.compensation) is not None:
                self._undone_by.setdefault(undo.name, []).append((command, Derivation.of(command, undo)))
        self._replies = dict(replies or {})
        self._records: dict[str, Record] = {}
        self._late: list[tuple[Command, bytes, Metadata]] = []
        self._keyless = 0

    def answer(self, command: Command, request: bytes, metadata: Metadata = (), fault: Fault = Fault.NONE) -> Outcome:
        """One delivery of a command, compensation or query.

        Args:
            command: one of ``commands``.
            request: the serialized request.
            metadata: ``idempotency-key``, ``compensates``, ``verifies``; others are ignored.
            fault: what goes wrong.

        Returns:
            What the sender sees; see :meth:`echo` for the metadata that come with it.
        """
        if fault is Fault.LATE:
            self._late.append((command, request, metadata))
        elif fault not in NEVER_ARRIVES:
            answer = self._arrive(command, request, metadata, rejects=fault is Fault.REJECT)
            if fault is Fault.DUPLICATE:
                answer = self._arrive(command, request, metadata, rejects=False)
            if fault not in LOST:
                return answer
        return LOST[fault]

    @staticmethod
    def echo(command: Command, metadata: Metadata, outcome: Outcome) -> Metadata:
        """The trailing metadata of an answer: the idempotency key, where the answer follows from the key's record."""
        key = dict(metadata).get(KEY, "")
        is_own = isinstance(outcome, Completed) or (isinstance(outcome, Rejected) and outcome.echoed)
        return ((KEY, key),) if key and is_own and command.effect in _EFFECTFUL else ()

    def deliver_late(self, key: str | None = None) -> int:
        """Let the late deliveries arrive, all of them or those of one key; return how many they were."""
        due = [late for late in self._late if key is None or dict(late[2]).get(KEY) == key]
        self._late = [late for late in self._late if late not in due]
        for command, request, metadata in due:
            self._arrive(command, request, metadata, rejects=False)
        return len(due)

    def _arrive(self, command: Command, request: bytes, metadata: Metadata, *, rejects: bool) -> Completed | Rejected:
        try:
            message = command.request.FromString(request)
        except DecodeError as error:
            return _refused(StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST", str(error))
        if wrong := violations(message):
            listed = "; ".join(f"{field}: {description}" for field, description in wrong)
            return Rejected(Failure(StatusCode.INVALID_ARGUMENT, listed))
        call = Call.of(command, message, metadata)
        if command.effect not in _EFFECTFUL:
            return REJECTION if rejects else self._query(call)
        if command.name in self._undone_by:
            return REJECTION if rejects else self._compensate(call)
        return self._command(call, rejects=rejects)

    def _query(self, call: Call) -> Completed | Rejected:
        record = self._records.get(call.verifies)
        known: Iterable[Message] = ()
        if call.verifies:
            took_effect = record is not None and not record.compensated and isinstance(record.answer, Completed)
            if record is None or record.call is None or not took_effect:
                return _refused(StatusCode.NOT_FOUND, "COMMAND_NOT_SEEN", "no command with this key took effect")
            assert isinstance(record.answer, Completed)
            known = (record.call.command.response.FromString(record.answer.reply), record.call.request)
        return self._reply(call, known)

    def _command(self, call: Call, *, rejects: bool) -> Completed | Rejected:
        key = call.key or self._made_up_key(call)
        self.ledger.intend(key, call.command.name)
        record = self._records.get(key)
        if record is not None:
            return _recorded(record, call)
        # A retryable command that is refused may succeed later, so its refusal is not kept.
        is_kept = not rejects or call.command.effect is not Effect.RETRYABLE
        answer = REJECTION._replace(echoed=is_kept and bool(call.key)) if rejects else self._reply(call)
        if isinstance(answer, Completed):
            self.ledger.apply(key)
        if is_kept:
            self._records[key] = Record(call, answer)
        return answer

    def _compensate(self, call: Call) -> Completed | Rejected:
        own = self._records.get(call.key)
        if own is not None:
            return _recorded(own, call)
        keys = (call.compensates,) if call.compensates else self._keys_undone_by(call)
        for key in keys:
            self._undo(key, call)
        answer = self._reply(call)
        if call.key:
            self._records[call.key] = Record(call, answer)
        for key in keys:
            self.deliver_late(key)
        return answer

    def _undo(self, key: str, call: Call) -> None:
        record = self._records.get(key, Record(None, None))
        if record.call is None and not record.compensated:
            self.ledger.keep_out(key, self._undone_by[call.command.name][0][0].name)
        elif isinstance(record.answer, Completed) and not record.compensated:
            self.ledger.compensate(key)
        self._records[key] = record._replace(compensated=True)

    def _keys_undone_by(self, call: Call) -> tuple[str, ...]:
        """The keys of the commands from which this compensation would be derived."""
        derivations = {command.name: derivation for command, derivation in self._undone_by[call.command.name]}
        return tuple(
            key
            for key, record in self._records.items()
            if record.call is not None
            and isinstance(record.answer, Completed)
            and (derivation := derivations.get(record.call.command.name)) is not None
            and call.request
            == derivation.derive(record.call.request, record.call.command.response.FromString(record.answer.reply))
        )

    def _reply(self, call: Call, known: Iterable[Message] = ()) -> Completed:
        seed = f"{call.command.name} {call.key or call.digest()}"
        reply = Sampler(seed, (call.request, *known)).message(call.command.response)
        if (said := self._replies.get(call.command.name)) is not None:
            for field, _ in said.ListFields():
                reply.ClearField(field.name)
            # Through its bytes, because the two types may come from different pools.
            reply.MergeFromString(said.SerializeToString())
        return Completed(reply.SerializeToString(deterministic=True))

    def _made_up_key(self, call: Call) -> str:
        """A new key: without a key, a repeated command looks like a new one, so each is taken as new."""
        self._keyless += 1
        return f"(no key)/{call.command.short_name}#{self._keyless}"


def _recorded(record: Record, call: Call) -> Completed | Rejected:
    """The answer to a key that is recorded already."""
    if record.call is not None and record.call.digest() != call.digest():
        message = "this idempotency key was used for another method or request"
        return _refused(StatusCode.FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED", message)
    if record.compensated and not isinstance(record.answer, Rejected):
        message = "the compensation of this command was here"
        return _refused(StatusCode.FAILED_PRECONDITION, "COMMAND_COMPENSATED", message)._replace(echoed=True)
    assert record.answer is not None, "only a compensated key has no answer"
    return record.answer


def _refused(code: StatusCode, reason: str, message: str) -> Rejected:
    return Rejected(Failure(code, message, reason))
