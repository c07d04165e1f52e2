"""Records the effects of a mock's commands, so that a test can compare them with what a saga reports.

An effect is *intended* when its command arrives, *applied* when the command takes effect, and *compensated*
when it is taken back. Invariant of a sound participant: each effect is applied at most once, and compensated at most as
often as applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(slots=True)
class LedgerEntry:
    """The effect of one command, that is of one idempotency key.

    Attributes:
        key: the idempotency key; made up by the ledger where the command came without a key.
        command: the full name of the rpc.
        intended: how often the command arrived.
        applied: how often it took effect.
        compensated: how often its effect was taken back.
        kept_out: its compensation arrived first, so it must never take effect.
    """

    key: str
    command: str
    intended: int = 0
    applied: int = 0
    compensated: int = 0
    kept_out: bool = False

    @property
    def balance(self) -> int:
        """How many effects stand; 0 or 1 in a sound participant."""
        return self.applied - self.compensated


OnChange: TypeAlias = "Callable[[str, LedgerEntry], None]"


class EffectLedger:
    """The effects of one or more participants, by idempotency key, in the order of their first arrival.

    Args:
        on_change: called with what happened (``intended``, ``applied``, ``compensated``, ``kept_out``) and with the
            effect.
    """

    def __init__(self, on_change: OnChange = lambda _what, _entry: None) -> None:
        self._entries: dict[str, LedgerEntry] = {}
        self._on_change = on_change

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(tuple(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, key: str) -> LedgerEntry | None:
        """The effect of the command with this idempotency key."""
        return self._entries.get(key)

    def balance(self) -> dict[str, int]:
        """How many effects stand, by the full name of their command; empty where none does."""
        sums: dict[str, int] = {}
        for entry in self._entries.values():
            sums[entry.command] = sums.get(entry.command, 0) + entry.balance
        return {command: count for command, count in sums.items() if count}

    def standing(self) -> tuple[LedgerEntry, ...]:
        """The effects that were applied and not taken back."""
        return tuple(entry for entry in self._entries.values() if entry.balance > 0)

    def disorders(self) -> tuple[LedgerEntry, ...]:
        """The effects that no sound participant has: applied twice, undone too often, or applied although kept out."""
        return tuple(
            entry
            for entry in self._entries.values()
            if entry.applied > 1 or entry.balance < 0 or (entry.kept_out and entry.applied)
        )

    def summary(self) -> str:
        """One line, such as ``7 commands: 4 effects stand, 2 compensated, 1 kept out, 0 in disorder``."""
        compensated = sum(entry.compensated for entry in self._entries.values())
        kept_out = sum(entry.kept_out for entry in self._entries.values())
        return (
            f"{len(self)} commands: {len(self.standing())} effects stand, {compensated} compensated, "
            f"{kept_out} kept out, {len(self.disorders())} in disorder"
        )

    def intend(self, key: str, command: str) -> None:
        """The command arrived."""
        entry = self._entry(key, command)
        entry.intended += 1
        self._on_change("intended", entry)

    def apply(self, key: str) -> None:
        """The command took effect."""
        entry = self._entries[key]
        entry.applied += 1
        self._on_change("applied", entry)

    def compensate(self, key: str) -> None:
        """The effect was taken back."""
        entry = self._entries[key]
        entry.compensated += 1
        self._on_change("compensated", entry)

    def keep_out(self, key: str, command: str) -> None:
        """The compensation arrived first."""
        entry = self._entry(key, command)
        entry.kept_out = True
        self._on_change("kept_out", entry)

    def _entry(self, key: str, command: str) -> LedgerEntry:
        return self._entries.setdefault(key, LedgerEntry(key, command))
