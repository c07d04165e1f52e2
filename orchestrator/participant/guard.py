"""The participant's side of idempotency: every command takes effect at most once, whatever is repeated or late.

The record of a command is committed together with its effect, so the two cannot disagree. The rules, by what
is recorded of the command's idempotency key when a call arrives:

    recorded     the command arrives         its compensation arrives     its verify query arrives
    ---------    ------------------------    -------------------------    ------------------------
    nothing      runs; records the answer    does nothing, succeeds;      NOT_FOUND
                                             leaves a tombstone           COMMAND_NOT_SEEN
    completed    the same reply              undoes it                    the query's reply
    rejected     the same rejection          does nothing, succeeds       NOT_FOUND
    tombstone    refused:                    does nothing, succeeds       NOT_FOUND
                 COMMAND_COMPENSATED
    in doubt     UNKNOWN                     UNKNOWN                      UNKNOWN
                 COMMAND_IN_DOUBT            COMMAND_IN_DOUBT             COMMAND_IN_DOUBT

A compensation has a key, and so a record, of its own: repeated, it gets the same reply. A key that comes with
another method or request is refused: IDEMPOTENCY_KEY_REUSED. A call without a key simply runs.

*In doubt* is only a foreign command, whose effect is in another service that does not recognise keys. Its intent is
committed before that service is called. Where no answer is recorded after that, nobody here knows the effect: the
command is never run again, and a person decides. A handler that says "no effect yet, try again" takes the intent back,
and so does a call whose handler is not run, because its caller does not wait any longer, or has cancelled it.

An answer is *echoed* where it holds for every attempt of its key. Two rejections are not: one that leaves no record (of
a command that may succeed later), because another attempt may still arrive; and that of a reused key, because its first
use may have had an effect. A query has no effect, so its answers are echoed without a record.

The rules do no I/O. They yield what is to be done, and a driver does it: see ``orchestrator.participant.driving``. The
hot path costs two statements: one finds that there is no record, one inserts it at the end. Nobody holds a lock while
the business change runs (but for SQLite's one writer); of two transactions that race for a key, the second one's insert
waits for the first, fails on the primary key, rolls its business change back and runs again to find the record. Records
are kept for good, so a key can be lost in one round only, and a call has two keys at most.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from orchestrator.participant import transactions
from orchestrator.participant.errors import GuardRefusal, PostponedError, RefusedError
from orchestrator.participant.metadata import Kind
from orchestrator.participant.records import KeyTakenError, Outcome, Record
from orchestrator.participant.steps import Answer, Call, Rules, Run, Steps, Transaction

# A compensation may lose the key of its command in one round and its own in the next; the third finds both.
_ROUNDS: Final = 3


def guarded(call: Call) -> Rules:
    """What is to be done for a call, transaction by transaction.

    The errors of ``THROWN`` that come out of a transaction, or of the handler, are thrown into the generator. What else
    comes out ends the call, and nothing is recorded.

    Raises:
        GuardRefusal: COMMAND_COMPENSATED, IDEMPOTENCY_KEY_REUSED, COMMAND_NOT_SEEN or COMMAND_IN_DOUBT; or
            KEY_CONTESTED where other calls kept recording the key.
    """
    key = call.metadata.idempotency_key
    if call.kind is Kind.QUERY:
        return (yield from _query(call))
    compensates = call.metadata.compensates if call.kind is Kind.COMPENSATION else None
    try:
        if call.kind is Kind.FOREIGN:
            return (yield from _foreign(call, key))
        if compensates is not None:
            return (yield from _rounds(call, partial(transactions.compensate, call, key, compensates)))
        return (yield from _rounds(call, partial(transactions.once, call, key)))
    except RefusedError as refused:
        # The business change is rolled back by now.
        if call.kind is not Kind.COMMAND or key is None:
            return Answer(refused.content, rejected=True, echo=False)
        return (yield from _reject(call, call.record(key, Outcome.REJECTED, refused.content)))


def _rounds(call: Call, steps: Callable[[], Steps]) -> Rules:
    for _ in range(_ROUNDS):
        try:
            result = yield Transaction(steps)
        except KeyTakenError:
            continue  # The key has a record now, so the next round finds it.
        return _recorded(call, result) if isinstance(result, Record) else Answer(result)
    raise GuardRefusal("KEY_CONTESTED", "this idempotency key is being recorded by other calls", code="UNAVAILABLE")


def _reject(call: Call, record: Record) -> Rules:
    # If another delivery of the same key was recorded since the rollback, that record answers both.
    try:
        yield Transaction(partial(transactions.keep, record))
    except KeyTakenError:
        return (yield from _rounds(call, partial(transactions.known_record, record.key)))
    return _recorded(call, record)


def _query(call: Call) -> Rules:
    try:
        return Answer((yield Transaction(partial(transactions.ask, call), writes=False)))
    except RefusedError as refused:
        return Answer(refused.content, rejected=True)


def _foreign(call: Call, key: str | None) -> Rules:
    if key is None:
        return Answer((yield Run()))
    outcome, forget = Outcome.COMPLETED, partial(transactions.forget, key)
    try:
        known = yield Transaction(partial(transactions.intend, call, key), taken_back_by=forget)
        if isinstance(known, Record):
            return _recorded(call, known)
        # No transaction is open while the foreign service is called.
        content = yield Run()
    except KeyTakenError:
        return (yield from _rounds(call, partial(transactions.known_record, key)))
    except PostponedError:
        yield Transaction(forget)
        raise
    except RefusedError as refused:
        outcome, content = Outcome.REJECTED, refused.content
    record = call.record(key, outcome, content)
    try:
        yield Transaction(partial(transactions.settle, record))
    except KeyTakenError:  # A person settled it first.
        return (yield from _rounds(call, partial(transactions.known_record, key)))
    return _recorded(call, record)


def _recorded(call: Call, record: Record) -> Answer:
    """Answer a known key from its record."""
    facts = {"idempotency_key": record.key, "method": record.method}
    if record.outcome is Outcome.COMPENSATED:
        raise GuardRefusal.settled(
            "COMMAND_COMPENSATED",
            "the compensation of this command came first",
            code="FAILED_PRECONDITION",
            metadata=facts,
        )
    is_of_call = record.key == call.metadata.idempotency_key
    if is_of_call and (record.method != call.method or record.request_digest != call.digest()):
        raise GuardRefusal(
            "IDEMPOTENCY_KEY_REUSED", "this idempotency key was used for another method or request", metadata=facts
        )
    if record.outcome is Outcome.IN_DOUBT:
        raise transactions.in_doubt(record)
    assert record.answer is not None, "only a tombstone and a command in doubt have no answer"
    return Answer(record.answer, rejected=record.outcome is Outcome.REJECTED)
