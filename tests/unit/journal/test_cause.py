"""The cause of a saga: what is searched for, of the reason that counts now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contract.command import Effect
from orchestrator.journal.cause import LONGEST_MESSAGE, Cause, lowered
from orchestrator.journal.entries import (
    CommandIntended,
    RollbackBegan,
    SagaCompensated,
    SagaResumed,
    SagaStarted,
    SagaSuspended,
)
from orchestrator.journal.fold import fold
from orchestrator.journal.reason import Reason, ReasonCode
from orchestrator.journal.state import CAUSED

if TYPE_CHECKING:
    from orchestrator.journal.entries import Entry

STARTED = SagaStarted(1, "trip", 1, b"")
BOUGHT = CommandIntended(2, "item-1/Shop.Buy#1", "shop.v1.Shop.Buy", Effect.COMPENSABLE, b"")
DECLINED = Reason(ReasonCode.REJECTED, "declined", "item-1/Shop.Buy#1")
STUCK = Reason(ReasonCode.COMPENSATION_REJECTED, "gone", "item-1/Shop.Buy#1")
PAUSED = Reason(ReasonCode.PAUSED, "lunch", requested_by="ada")
RESUMED = Reason(ReasonCode.RESUMED, "go on")

ROLLED_BACK = Cause(ReasonCode.REJECTED, "shop.v1.Shop.Buy", "declined", 3)


def test_a_saga_that_goes_forward_has_no_cause() -> None:
    assert fold("saga-1", [STARTED, BOUGHT]).cause is None


def test_a_saga_that_was_rolled_back_has_the_command_and_the_instant_of_its_rollback() -> None:
    state = fold("saga-1", [STARTED, BOUGHT, RollbackBegan(3, DECLINED), SagaCompensated(9)])

    assert state.cause == ROLLED_BACK
    assert state.status in CAUSED


def test_of_a_suspended_rollback_the_suspension_counts_until_it_is_resumed() -> None:
    entries: list[Entry] = [STARTED, BOUGHT, RollbackBegan(3, DECLINED), SagaSuspended(5, STUCK)]

    assert fold("saga-1", entries).cause == Cause(ReasonCode.COMPENSATION_REJECTED, "shop.v1.Shop.Buy", "gone", 5)
    assert fold("saga-1", [*entries, SagaResumed(6, RESUMED)]).cause == ROLLED_BACK


def test_a_pause_has_no_command_and_is_over_when_the_saga_is_resumed() -> None:
    entries: list[Entry] = [STARTED, BOUGHT, SagaSuspended(5, PAUSED)]

    assert fold("saga-1", entries).cause == Cause(ReasonCode.PAUSED, "", "lunch", 5)
    assert fold("saga-1", [*entries, SagaResumed(6, RESUMED)]).cause is None


def test_a_message_is_kept_without_nuls_and_not_longer_than_a_search_needs() -> None:
    cause = Cause.of(Reason(ReasonCode.CODE_FAILED, "a\0b" + "x" * 5000), "", 1)

    assert cause.message.startswith("a\N{REPLACEMENT CHARACTER}bx")
    assert len(cause.message.encode()) <= LONGEST_MESSAGE + len("…".encode())


def test_a_message_with_half_an_emoji_is_kept_as_a_text_that_every_store_can_write() -> None:
    cause = Cause.of(Reason(ReasonCode.CODE_FAILED, "nobody likes this \ud83d"), "", 1)

    assert cause.message == "nobody likes this \N{REPLACEMENT CHARACTER}"


def test_only_letters_from_a_to_z_are_made_small() -> None:
    assert lowered("ÄBC-Zé1") == "Äbc-zé1"
