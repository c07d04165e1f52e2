"""Appends that share a transaction, as the arrays that ``append_group`` takes.

Purpose: one call for many appends. Invariant: each saga stands once in a group, because one statement sees what was
there before it. So appends of one saga that follow one another are one place of the group, with a row of entries each;
what does not follow waits for the next group, and is judged by what this one has left.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.journal.events import OutboxEvent
from orchestrator.journal.state import CLAIMABLE, Status
from orchestrator.store.rows.chunk import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from orchestrator.ports.journal import Append
    from orchestrator.store.batching.batches import BatchedWrite

    Write = BatchedWrite[Append]


@dataclass(slots=True)
class Place:
    """The appends of one saga within a group; all of them are written, or none is."""

    writes: list[Write]

    @property
    def first(self) -> Append:
        """The first of them."""
        return self.writes[0].work

    @property
    def last(self) -> Append:
        """The last of them."""
        return self.writes[-1].work

    def is_followed_by(self, append: Append) -> bool:
        """Whether an append can only be meant to come right after these, under the same claim."""
        last = self.last
        return (
            append.new is None
            and last.status in CLAIMABLE
            and (append.owner, append.token) == (last.owner, last.token)
            and append.expected_sequence == last.expected_sequence + len(last.entries)
        )


def grouped(writes: Iterable[Write]) -> tuple[list[Place], list[Write]]:
    """A group of as many writes as can share one, and the others, each in the order of their calls."""
    places: dict[str, Place] = {}
    deferred: dict[str, list[Write]] = {}
    for write in writes:
        saga_id = write.work.saga_id
        place = places.get(saga_id)
        if place is None:
            places[saga_id] = Place([write])
        elif saga_id not in deferred and place.is_followed_by(write.work):
            place.writes.append(write)
        else:
            deferred.setdefault(saga_id, []).append(write)
    return list(places.values()), [write for later in deferred.values() for write in later]


def values_of(places: list[Place]) -> tuple[list[object], ...]:
    """The arguments of ``append_group``; a place is known there by its number.

    A new saga that is believed to hold entries already is left out: it is not written, and so is refused.
    """
    columns: tuple[list[object], ...] = tuple([] for _ in range(35))
    new, more, chunks, attributes, parked, causes = (
        columns[:12],
        columns[12:20],
        columns[20:23],
        columns[23:25],
        columns[25:29],
        columns[29:],
    )
    for number, place in enumerate(places):
        first, last = place.first, place.last
        if first.new is not None and first.expected_sequence:
            continue
        length = last.expected_sequence + len(last.entries) - first.expected_sequence
        status, ended_at = last.status.value, last.ended_at
        if first.new is not None:
            begun = first.new
            text = json.dumps(dict(begun.attributes)) if begun.attributes else "{}"
            row = (number, first.saga_id, first.owner, first.token, length, status, ended_at)
            _add(new, *row, begun.definition, begun.version, begun.digest, begun.started_at, text)
            for name, value in begun.attributes:
                _add(attributes, number, digest(name, value))
        else:
            expected = first.expected_sequence
            _add(more, number, first.saga_id, first.owner, first.token, expected, length, status, ended_at)
        if last.status is Status.WAITING:
            _add(parked, number, last.saga_id, last.wake_at, last.turn_at)
        cause = None
        for write in place.writes:
            append = write.work
            cause = append.cause or cause
            if append.entries:
                _add(chunks, number, append.expected_sequence + len(append.entries), pack(append.entries))
        if cause is not None:
            _add(causes, number, last.saga_id, *cause)
    return columns


def events_of(places: list[Place]) -> tuple[list[object], ...]:
    """The further arguments of ``append_group`` where some place tells events; each in the order of their appends."""
    columns: tuple[list[object], ...] = tuple([] for _ in range(1 + len(OutboxEvent._fields)))
    for number, place in enumerate(places):
        for write in place.writes:
            for event in write.work.outbox:
                _add(columns, number, *event)
    return columns


def members_of(rows: Sequence[Sequence[Any]]) -> tuple[list[object], ...]:
    """The arguments of ``delete_ended``, of rows of a family's place, a member's number, its month, its attributes."""
    members: tuple[list[object], ...] = ([], [])
    attributes: tuple[list[object], ...] = ([], [])
    for place, saga, _, text in rows:
        _add(members, place, saga)
        for name, value in json.loads(text).items():
            _add(attributes, digest(name, value), saga)
    return (*members, list({month for _, _, month, _ in rows}), *attributes)


def digest(name: str, value: str) -> bytes:
    """By what an attribute is found."""
    return hashlib.blake2b(json.dumps([name, value]).encode(), digest_size=16).digest()


def _add(columns: tuple[list[object], ...], *row: object) -> None:
    for column, value in zip(columns, row, strict=True):
        column.append(value)
