"""Every error of the orchestrator.

::

    OrchestratorError
    ├── ContractError           a .proto file does not say what a saga needs, or does not compile
    ├── DefinitionError         a saga is declared or written in a way that cannot work
    ├── SettingsError           a setting is missing or wrong
    ├── CompensationUnderivable an answer was lost that a compensation's request cannot do without
    ├── SagaRejected            raised by saga code: the saga itself gives up, and is rolled back
    ├── TimeLimitPassed         raised into saga code: a timeout(...) was over before the block that it is around
    │   └── SignalTimedOut      no signal came in time
    ├── CommandError            raised into saga code by a call to a participant
    │   ├── CommandRejected     the participant refused the command; it had no effect
    │   └── CommandUnknown      the attempts are spent, and whether it took effect is unknown
    ├── SagaError               about one saga; carries its id
    │   ├── SagaNotFound        there is no such saga
    │   ├── SagaExists          the request id was used before, with another content
    │   │   └── SagaDeleted     the request id was used before, and the saga has been deleted since
    │   ├── SagaNotCompleted    a saga whose result was waited for has none
    │   ├── ActNoted            the owner of the saga has not carried out the act yet, and will
    │   └── ActRefused          the saga is not in a state in which this can be done to it
    │       ├── CancelRefused       the saga is past its pivot, or has ended otherwise
    │       ├── UnknownSignal       its code asks for no signal of this name
    │       ├── SignalTypeDiffers   its code asks for another type of message
    │       └── RequestIdUsed       another signal was given with this request id
    ├── SinkNotFound            there is no such sink
    ├── ParticipantNotFound     nobody of this name is reached over a queue
    ├── DeadCommandNotFound     there is no such command that was given up
    ├── BrokerAway              the broker of a queue does not do what was asked
    ├── ScheduleError           about one schedule; carries its name
    │   ├── ScheduleNotFound    there is no such schedule
    │   ├── ScheduleExists      its name is taken, or the request id was used before, with another content
    │   └── ScheduleRefused     the schedule is not in a state in which this can be done to it
    ├── BulkActError            about one bulk act; carries its id
    │   ├── BulkActNotFound     there is no such bulk act
    │   └── BulkActRefused      the bulk act is not in a state in which this can be done to it
    ├── AccessRefused           a caller may not do what it asks for; nothing was done
    │   ├── NotAuthenticated    nobody knows who calls: no credentials, or wrong or expired ones
    │   └── NotAllowed          it is known who calls, and their roles do not allow it
    ├── KeysUnavailable         a token cannot be verified, because no keys could be read so far
    ├── InvalidInput            what a caller sent breaks the contract
    │   └── Undecodable         it is not even a message of the contract
    ├── Overloaded              there is more than can be taken; nothing was done
    ├── Recovering              it waits until this process has recovered the saga; nothing was done
    ├── NotOffered              this engine cannot do it; another one can
    ├── Draining                this process is about to end; another replica goes on
    ├── ArchiveUnavailable      the journals of sagas that are to be deleted cannot be kept
    └── JournalError            the journal could not take an entry
        ├── ClaimLost           another replica advances the saga now
        ├── SequenceConflict    the journal is not where the writer believes it to be
        ├── JournalsDiffer      a copy of a journal holds something else of a saga
        └── JournalUnavailable  the store cannot be reached, opened or written
"""

from __future__ import annotations

from datetime import UTC, datetime


class OrchestratorError(Exception):
    """Whatever the orchestrator raises on purpose."""


class ContractError(OrchestratorError):
    """A .proto file does not say what a saga needs, or does not compile."""


class DefinitionError(OrchestratorError):
    """A saga is declared or written in a way that cannot work."""


class SettingsError(OrchestratorError):
    """A setting is missing or wrong; the message names it and says what to do."""


class CompensationUnderivable(OrchestratorError):
    """An answer was lost that a compensation's request cannot do without; the contract says to suspend then.

    Attributes:
        compensation: the full name of the compensation.
        fields: the fields of its request that stay unknown.
    """

    def __init__(self, compensation: str, fields: tuple[str, ...]) -> None:
        self.compensation = compensation
        self.fields = fields
        super().__init__(f"{compensation}: the answer that holds {', '.join(fields)} was lost")


class SagaRejected(OrchestratorError):
    """Raised by saga code: the saga itself gives up, and is rolled back.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``FRAUD_SUSPECTED``.
        message: why, in a sentence.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = message
        super().__init__(f"{reason}: {message}")


class TimeLimitPassed(OrchestratorError, TimeoutError):
    """A ``timeout(...)`` was over before the block that it is around. Saga code may catch this and go on.

    Attributes:
        key: the key of the wait within its saga, such as ``timeout#1``.
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(f"{key}: {message}")


class SignalTimedOut(TimeLimitPassed):
    """No signal came in time. Saga code may catch this and go on.

    Attributes:
        name: of the signal.
    """

    def __init__(self, key: str, name: str) -> None:
        self.name = name
        super().__init__(key, f"no signal {name!r} came in time")


class CommandError(OrchestratorError):
    """A call to a participant did not complete.

    Attributes:
        key: the command's key within its saga.
        code: the gRPC status code by name, such as ``FAILED_PRECONDITION``.
        reason: the ``reason`` of the google.rpc.ErrorInfo, or empty.
        message: the participant's message.
    """

    def __init__(self, key: str, code: str, message: str, reason: str = "") -> None:
        self.key = key
        self.code = code
        self.message = message
        self.reason = reason
        super().__init__(f"{key}: {code}{f' ({reason})' if reason else ''}: {message}")


class CommandRejected(CommandError):
    """The participant refused the command; it had no effect. Saga code may catch this and go on."""


class CommandUnknown(CommandError):
    """The attempts are spent, and whether the command took effect is unknown."""


class SagaError(OrchestratorError):
    """About one saga.

    Attributes:
        saga_id: the saga.
    """

    def __init__(self, saga_id: str, message: str) -> None:
        self.saga_id = saga_id
        super().__init__(message)


class SagaNotFound(SagaError):
    """There is no such saga."""

    def __init__(self, saga_id: str) -> None:
        super().__init__(saga_id, f"there is no saga {saga_id!r}")


class SagaExists(SagaError):
    """The request id was used before, with another content."""


class SagaDeleted(SagaExists):
    """The request id was used before: the saga has ended, and retention has deleted it. It is not started again.

    Attributes:
        status: how it had ended, such as ``completed``.
        ended_at: and when, nanoseconds since the epoch, UTC.
        deleted_at: when it was deleted.
    """

    def __init__(self, saga_id: str, status: str, ended_at: int, deleted_at: int) -> None:
        self.status = status
        self.ended_at = ended_at
        self.deleted_at = deleted_at
        super().__init__(
            saga_id,
            f"saga {saga_id} was started by this request before: it was {status} at {_shown(ended_at)}, and retention "
            f"has deleted it at {_shown(deleted_at)}; it is not started again, use a new request id for a new saga",
        )


class SagaNotCompleted(SagaError):
    """A saga whose result was waited for has none: it was rolled back, is suspended, or still runs.

    Attributes:
        status: where it stands, such as ``compensated``.
    """

    def __init__(self, saga_id: str, status: str, reason: str) -> None:
        self.status = status
        super().__init__(saga_id, f"saga {saga_id} is {status}{f': {reason}' if reason else ''}")


class ActNoted(SagaError):
    """The owner of the saga has not answered yet. The act is durable: it is carried out, or refused, once, later."""

    def __init__(self, saga_id: str, act: str) -> None:
        super().__init__(
            saga_id,
            f"{act} of saga {saga_id} is noted, but not done yet: the replica that advances the saga, or the one that "
            "recovers it, carries it out or refuses it; look at the saga later",
        )


class ActRefused(SagaError):
    """The saga is not in a state in which this can be done to it.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``NOT_SUSPENDED``.
    """

    def __init__(self, saga_id: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(saga_id, message)


class CancelRefused(ActRefused):
    """The saga is past its pivot, or may be, or has ended otherwise."""


class UnknownSignal(ActRefused):
    """The saga's code asks for no signal of this name."""


class SignalTypeDiffers(ActRefused):
    """The saga's code asks for a signal of this name with another type of message."""


class RequestIdUsed(ActRefused):
    """Another signal was given to the saga with this request id."""


class SinkNotFound(OrchestratorError):
    """There is no such sink: no relay has ever told it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no sink {name!r}; those that there are: orchestrator events sinks")
        self.name = name


class ParticipantNotFound(OrchestratorError):
    """Nobody of this name is reached over a queue, or has given up a command."""

    def __init__(self, service: str) -> None:
        super().__init__(f"no participant {service!r} is reached over a queue, and none has given up a command")
        self.service = service


class DeadCommandNotFound(OrchestratorError):
    """A participant has given up no such command, or it is forgotten by now."""

    def __init__(self, service: str, identity: str) -> None:
        super().__init__(f"{service} has given up no command {identity!r}, or it is forgotten already")
        self.service = service
        self.identity = identity


class BrokerAway(OrchestratorError):
    """The broker of a queue does not do what was asked, or has not said so; the message says which, and why."""


class ScheduleError(OrchestratorError):
    """About one schedule.

    Attributes:
        name: of the schedule.
    """

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class ScheduleNotFound(ScheduleError):
    """There is no such schedule.

    Args:
        name: that was asked for.
        deleted: by whom and when the last one of this name was deleted, in words; empty where nobody has.
    """

    def __init__(self, name: str, deleted: str = "") -> None:
        told = f"; {deleted}" if deleted else ""
        super().__init__(name, f"there is no schedule {name!r}{told}")


class ScheduleExists(ScheduleError):
    """There is a schedule of this name, or the request id was used before, with another content.

    Attributes:
        reason: which of these, in UPPER_SNAKE_CASE.
    """

    def __init__(self, name: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(name, message)


class ScheduleRefused(ScheduleError):
    """The schedule is not in a state in which this can be done to it.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``SCHEDULE_DELETED``.
    """

    def __init__(self, name: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(name, message)


class BulkActError(OrchestratorError):
    """About one bulk act.

    Attributes:
        bulk_id: the bulk act.
    """

    def __init__(self, bulk_id: str, message: str) -> None:
        self.bulk_id = bulk_id
        super().__init__(message)


class BulkActNotFound(BulkActError):
    """There is no such bulk act, or it was deleted because it is old."""

    def __init__(self, bulk_id: str) -> None:
        super().__init__(bulk_id, f"there is no bulk act {bulk_id!r}; old ones are deleted")


class BulkActRefused(BulkActError):
    """The bulk act is not in a state in which this can be done to it.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``NOT_PREPARED``.
    """

    def __init__(self, bulk_id: str, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(bulk_id, message)


class AccessRefused(OrchestratorError):
    """A caller may not do what it asks for; nothing was done.

    Attributes:
        reason: why, in UPPER_SNAKE_CASE, such as ``TOKEN_EXPIRED``.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class NotAuthenticated(AccessRefused):
    """Nobody knows who calls: there are no credentials, or they are wrong or have expired."""


class NotAllowed(AccessRefused):
    """It is known who calls, and their roles do not allow it."""


class KeysUnavailable(OrchestratorError):
    """A token cannot be verified, because no keys could be read so far; the same may be asked again soon."""


class InvalidInput(OrchestratorError):
    """What a caller sent breaks the contract.

    Attributes:
        violations: pairs of the path of a field at fault, such as ``lines[0].quantity``, and what is wrong with it.
    """

    def __init__(self, *violations: tuple[str, str]) -> None:
        self.violations = violations
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))


class Undecodable(InvalidInput):
    """What a caller sent is not even a message of the contract."""


class Overloaded(OrchestratorError):
    """There is more than this process can take; nothing was done, and the same may be asked again later.

    Attributes:
        reason: of what there is too much, in UPPER_SNAKE_CASE, such as ``TOO_MANY_STARTS``.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Recovering(OrchestratorError):
    """It waits until this process has recovered the saga; nothing was done, and the same may be asked again soon."""


class NotOffered(OrchestratorError):
    """This engine cannot do it; another one can. The message says which, and what can be done instead."""


class Draining(OrchestratorError):
    """This process is about to end; another replica goes on, or this one once it is back."""


class ArchiveUnavailable(OrchestratorError):
    """The journals of sagas to be deleted cannot be kept, and so none is deleted; the message says what to do."""


class JournalError(OrchestratorError):
    """The journal could not take an entry."""


class ClaimLost(JournalError):
    """Another replica advances the saga now; nothing was written."""


class SequenceConflict(JournalError):
    """The journal is not where the writer believes it to be; nothing was written."""


class JournalsDiffer(JournalError):
    """A copy of a journal holds something else of a saga than the journal does; neither was changed.

    Attributes:
        saga_id: the saga.
    """

    def __init__(self, saga_id: str, how: str) -> None:
        self.saga_id = saga_id
        super().__init__(f"the two journals differ about saga {saga_id}: {how}")


class JournalUnavailable(JournalError):
    """The store cannot be reached, opened or written; the message says what to do."""


def _shown(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).isoformat()
