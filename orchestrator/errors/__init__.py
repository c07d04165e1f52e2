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
        ├── EntriesUnwritable   what is to be written can never be
        └── JournalUnavailable  the store cannot be reached, opened or written
            └── NobodyAnswers       no process takes what is asked of a saga
"""

from __future__ import annotations

from orchestrator.errors.access import AccessRefused, KeysUnavailable, NotAllowed, NotAuthenticated
from orchestrator.errors.acts import (
    ActNoted,
    ActRefused,
    CancelRefused,
    RequestIdUsed,
    SignalTypeDiffers,
    UnknownSignal,
)
from orchestrator.errors.availability import BrokerAway, Draining, NotOffered, Overloaded, Recovering
from orchestrator.errors.base import OrchestratorError
from orchestrator.errors.bulk import BulkActError, BulkActNotFound, BulkActRefused
from orchestrator.errors.commands import CommandError, CommandRejected, CommandUnknown
from orchestrator.errors.definitions import CompensationUnderivable, ContractError, DefinitionError
from orchestrator.errors.journal import (
    ArchiveUnavailable,
    ClaimLost,
    EntriesUnwritable,
    JournalError,
    JournalsDiffer,
    JournalUnavailable,
    NobodyAnswers,
    SequenceConflict,
)
from orchestrator.errors.requests import (
    DeadCommandNotFound,
    InvalidInput,
    ParticipantNotFound,
    SinkNotFound,
    Undecodable,
)
from orchestrator.errors.saga_code import SagaRejected, SignalTimedOut, TimeLimitPassed
from orchestrator.errors.sagas import SagaDeleted, SagaError, SagaExists, SagaNotCompleted, SagaNotFound
from orchestrator.errors.schedules import ScheduleError, ScheduleExists, ScheduleNotFound, ScheduleRefused
from orchestrator.errors.settings import SettingsError

__all__ = [
    "AccessRefused",
    "ActNoted",
    "ActRefused",
    "ArchiveUnavailable",
    "BrokerAway",
    "BulkActError",
    "BulkActNotFound",
    "BulkActRefused",
    "CancelRefused",
    "ClaimLost",
    "CommandError",
    "CommandRejected",
    "CommandUnknown",
    "CompensationUnderivable",
    "ContractError",
    "DeadCommandNotFound",
    "DefinitionError",
    "Draining",
    "EntriesUnwritable",
    "InvalidInput",
    "JournalError",
    "JournalUnavailable",
    "JournalsDiffer",
    "KeysUnavailable",
    "NobodyAnswers",
    "NotAllowed",
    "NotAuthenticated",
    "NotOffered",
    "OrchestratorError",
    "Overloaded",
    "ParticipantNotFound",
    "Recovering",
    "RequestIdUsed",
    "SagaDeleted",
    "SagaError",
    "SagaExists",
    "SagaNotCompleted",
    "SagaNotFound",
    "SagaRejected",
    "ScheduleError",
    "ScheduleExists",
    "ScheduleNotFound",
    "ScheduleRefused",
    "SequenceConflict",
    "SettingsError",
    "SignalTimedOut",
    "SignalTypeDiffers",
    "SinkNotFound",
    "TimeLimitPassed",
    "Undecodable",
    "UnknownSignal",
]
