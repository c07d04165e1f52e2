"""Checks that a compensation takes the effect back, by what queries show before and after it.

Each query is asked three times: before the command, after it, and after the compensation. The rule, by what the three
answers are; ``A``, ``B`` and ``C`` are any answers that differ from one another:

    before   command   compensation   verdict
    ------   -------   ------------   -------------------------------------------------------------
    A        A         any            this query does not show the effect, and decides nothing
    A        B         B              failed: the effect was shown, and it stands
    A        B         A              passed
    A        B         C              passed, as for a state CANCELLED, unless it is undone in part

- *Any* query that showed the effect and still shows it fails the check: the others may show the half that is undone.
- *In part* means that a number stopped on its way back (10 in stock, 8 after the command, 9 after the compensation), or
  that of several entries that the command added to a list, some are gone or changed and others are as they were. Where
  there was no answer before the command, as for NOT_FOUND, numbers are ignored: the record of a cancelled payment keeps
  its amount.
- A query whose request needs the command's reply has no answer before the command. It shows the effect by answering.
- The verify query, asked with the key, shows the command's record rather than its effect. It decides only where no
  other query shows the effect: its answer must then differ from the one before the compensation.
- A compensation whose request has a field from the command's answer may be sent without that field, where the answer
  was lost. It is judged a second time in this way: the participant must find the effect by ``compensates``.
- Where no query shows the effect, the effect is *not seen*: a compensation that does nothing would look the same.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor

from orchestrator.contract.redaction import redacted
from orchestrator.testing.conformance.trial import NO_QUERY, NotSeen, Unmet, expect_completed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from google.protobuf.message import Message

    from orchestrator.testing.conformance.answers import Answer
    from orchestrator.testing.conformance.trial import Shown, Trial

_NUMBERS: Final = frozenset(
    {
        *(FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32),
        *(FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE),
    }
)
_WELL_KNOWN: Final = "google.protobuf."


async def compensation_undoes(new: Callable[[], Awaitable[Trial]]) -> str:
    """What a query shows of an effect changes with its compensation; see the rule above."""
    trial = await new()
    seen = await _undone(trial, lost=False)
    if trial.undo_differs_without_the_answer:
        seen += f"; with the answer lost: {await _undone(await new(), lost=True)}"
    return seen


async def _undone(trial: Trial, *, lost: bool) -> str:
    before, unsent = await trial.observe(), await trial.ask_verify()
    expect_completed(await trial.send(), "the command")
    after, sent = await trial.observe(), await trial.ask_verify()
    what = "the compensation, as if the answer had been lost," if lost else "the compensation"
    expect_completed(await trial.compensate(lost=lost), what)
    undone, compensated = await trial.observe(), await trial.ask_verify()
    seen = _judge(what, before, after, undone) or _judge(what, unsent, sent, compensated)
    if not seen:
        raise NotSeen(f"{what} completed; {NO_QUERY}")
    return seen


def shows(before: Answer | None, after: Answer) -> bool:
    """Whether a query shows an effect, by its answers before the command, if it could be asked then, and after it."""
    return after.is_completed if before is None else not (before.is_unknown or after.same_as(before))


def _judge(what: str, before: Shown, after: Shown, undone: Shown) -> str:
    """What was seen; empty where none of these queries shows the effect.

    Raises:
        Unmet: one of them shows that the effect stands, in whole or in part.
    """
    showing = [name for name, answer in after.items() if shows(before.get(name), answer)]
    for name in showing:
        if undone[name].is_unknown:
            raise Unmet(f"{name} has no definite answer after {what}: {undone[name]}")
        if undone[name].same_as(after[name]):
            raise Unmet(f"{what} completed, and {name} shows the effect as before it: {undone[name]}")
        left = _left(before.get(name), after[name], undone[name])
        if left:
            raise Unmet(f"{what} completed, and undid a part: {name} shows {left}")
    return "; ".join(f"{name} showed the effect, then {_news(after[name], undone[name])}" for name in showing)


def _news(after: Answer, undone: Answer) -> str:
    """The part of the last answer that the one before did not have; the whole answer, where it only lacks something."""
    if after.reply is None or undone.reply is None:
        return str(undone)
    known, shown = (text_format.MessageToString(redacted(each)).splitlines() for each in (after.reply, undone.reply))
    return ", ".join(line.strip() for line in shown if line not in known) or str(undone)


def _left(before: Answer | None, after: Answer, undone: Answer) -> str:
    if after.reply is None or undone.reply is None:
        return ""
    return next(_parts_left(before.reply if before else None, after.reply, undone.reply), "")


def _parts_left(before: Message | None, after: Message, undone: Message) -> Iterator[str]:
    for field in after.DESCRIPTOR.fields:
        name, message = field.name, field.message_type
        was = getattr(before, name) if before is not None else None
        if message is None:
            if field.cpp_type in _NUMBERS and not field.is_repeated and was is not None:
                yield from _number_left(name, was, getattr(after, name), getattr(undone, name))
        elif field.is_repeated:
            if not message.GetOptions().map_entry:
                yield from _entries_left(name, *map(_entries, (was or (), getattr(after, name), getattr(undone, name))))
        elif not message.full_name.startswith(_WELL_KNOWN) and after.HasField(name) and undone.HasField(name):
            known = was if before is not None and before.HasField(name) else None
            for part in _parts_left(known, getattr(after, name), getattr(undone, name)):
                yield f"{name}.{part}"


def _number_left(name: str, before: float, after: float, undone: float) -> Iterator[str]:
    if before < undone < after or after < undone < before:
        yield f"{name} {before} before the command, {after} after it, {undone} after the compensation"


def _entries_left(name: str, before: Counter[bytes], after: Counter[bytes], undone: Counter[bytes]) -> Iterator[str]:
    added = after - before
    left = added & undone
    if left and left != added:
        yield f"{left.total()} of the {added.total()} entries in {name} that the command added as they were"


def _entries(messages: object) -> Counter[bytes]:
    entries: list[Message] = list(messages)  # type: ignore[call-overload]  # a repeated field, of either implementation
    return Counter(entry.SerializeToString(deterministic=True) for entry in entries)
