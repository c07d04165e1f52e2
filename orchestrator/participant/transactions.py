"""What the guard does in one transaction: each function yields its steps, and ends with a reply or a record."""

from typing import Final

from orchestrator.participant.errors import GuardRefusal
from orchestrator.participant.records import KeyTakenError, Outcome, Record
from orchestrator.participant.steps import Call, Find, Forget, Keep, Run, Settle, Steps

_NO_KEY: Final = ""


def once(call: Call, key: str | None) -> Steps:
    """Run a call whose key has no record, and keep its reply; end with the record where there is one."""
    if key is not None:
        record: Record | None = (yield Find(key)).get(key)
        if record is not None:
            return record
    reply: bytes = yield Run()
    if key is not None:
        yield Keep(call.record(key, Outcome.COMPLETED, reply))
    return reply


def compensate(call: Call, key: str | None, command: str) -> Steps:
    """Undo a command that took effect; keep out one that has not come yet."""
    known: dict[str, Record] = yield Find(key or _NO_KEY, command)
    if key is not None and key in known:
        return known[key]
    undone = known.get(command)
    if undone is not None and undone.outcome is Outcome.IN_DOUBT:
        return undone
    reply: bytes = (yield Run()) if undone is not None and undone.outcome is Outcome.COMPLETED else b""
    if undone is None:
        yield Keep(Record(command, call.method, Outcome.COMPENSATED))
    if key is not None:
        yield Keep(call.record(key, Outcome.COMPLETED, reply))
    return reply


def ask(call: Call) -> Steps:
    """Run a query; one that verifies, only if the command took effect here.

    Raises:
        GuardRefusal: COMMAND_NOT_SEEN, or COMMAND_IN_DOUBT.
    """
    key = call.metadata.verifies
    if key is not None:
        record: Record | None = (yield Find(key)).get(key)
        if record is not None and record.outcome is Outcome.IN_DOUBT:
            raise in_doubt(record)
        if record is None or record.outcome is not Outcome.COMPLETED:
            raise GuardRefusal.settled(
                "COMMAND_NOT_SEEN",
                "no command with this idempotency key took effect here",
                code="NOT_FOUND",
                metadata={"idempotency_key": key},
            )
    reply: bytes = yield Run()
    return reply


def intend(call: Call, key: str) -> Steps:
    """Keep the intent of a foreign command; end with the record where there is one."""
    record: Record | None = (yield Find(key)).get(key)
    if record is not None:
        return record
    yield Keep(call.record(key, Outcome.IN_DOUBT))
    return b""


def keep(record: Record) -> Steps:
    """Keep a record."""
    yield Keep(record)
    return record


def settle(record: Record) -> Steps:
    """Write the outcome of a foreign command."""
    yield Settle(record)
    return record


def forget(key: str) -> Steps:
    """Take the intent of a foreign command back."""
    yield Forget(key)
    return b""


def known_record(key: str) -> Steps:
    """The record of a key that another call has recorded."""
    record: Record | None = (yield Find(key)).get(key)
    if record is None:
        raise KeyTakenError(key)
    return record


def in_doubt(record: Record) -> GuardRefusal:
    """The refusal of a call that depends on the effect of a foreign command without an answer."""
    return GuardRefusal(
        "COMMAND_IN_DOUBT",
        "the foreign service was called for this command, or is being called, and no answer is recorded",
        code="UNKNOWN",
        metadata={"idempotency_key": record.key, "method": record.method},
    )
