"""The rule by which queries show whether a compensation took the effect back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.type.money_pb2 import Money

from orchestrator.contract.status_code import StatusCode
from orchestrator.testing.conformance.answers import Answer
from orchestrator.testing.conformance.trial import NotSeen, Unmet
from orchestrator.testing.conformance.undoing import compensation_undoes
from shop.analytics.v1 import analytics_pb2 as analytics
from shop.inventory.v1 import inventory_pb2 as inventory
from shop.payment.v1 import payment_pb2 as payment

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from orchestrator.testing.conformance.trial import Shown, Trial

ABSENT = Answer(StatusCode.NOT_FOUND, "no such order")
UNSEEN = Answer(StatusCode.NOT_FOUND, "no such key", "COMMAND_NOT_SEEN")
BROKEN = Answer(StatusCode.INTERNAL, "a bug")


def said(reply: Message) -> Answer:
    return Answer.completed(reply)


def stock(available: int, reserved: int) -> Answer:
    return said(inventory.GetStockResponse(sku="MUG", available=available, reserved=reserved))


def paid(state: payment.PaymentState.ValueType, units: int = 50) -> Answer:
    shown = payment.Payment(state=state, amount=Money(units=units))
    return said(payment.GetPaymentResponse(payment=shown))


def authorized(units: int) -> Answer:
    return paid(payment.PAYMENT_STATE_AUTHORIZED, units)


def booked(*accounts: str) -> Answer:
    return said(payment.GetPaymentResponse(entries=[payment.LedgerEntry(account=account) for account in accounts]))


def reported(orders: int) -> Answer:
    return said(analytics.GetReportResponse(days=[analytics.Day(orders=orders)]))


HELD = paid(payment.PAYMENT_STATE_AUTHORIZED)
VOIDED = paid(payment.PAYMENT_STATE_VOIDED)


class Staged:
    """A trial with given answers of its queries: before the command, after it, and after the compensation."""

    undo_differs_without_the_answer = False

    def __init__(
        self, queries: dict[str, tuple[Answer | None, Answer, Answer]], verify: tuple[Answer, ...] = ()
    ) -> None:
        self._queries = queries
        self._verify = verify
        self._moment = 0

    async def observe(self) -> Shown:
        asked = {name: answers[self._moment] for name, answers in self._queries.items()}
        return {name: answer for name, answer in asked.items() if answer is not None}

    async def ask_verify(self) -> Shown:
        return {"verify": self._verify[self._moment]} if self._verify else {}

    async def send(self) -> Answer:
        self._moment = 1
        return said(payment.AuthorizePaymentResponse())

    async def compensate(self, *, lost: bool) -> Answer:
        assert not lost
        self._moment = 2
        return said(payment.VoidAuthorizationResponse())


async def judged(*answers: Answer | None, verify: tuple[Answer, ...] = (), **queries: Any) -> str:  # noqa: ANN401
    named: Any = queries or {"Get": answers}
    trial: Any = Staged(named, verify)

    async def new() -> Trial:
        return trial  # type: ignore[no-any-return]  # staged

    return await compensation_undoes(new)


@pytest.mark.parametrize(
    "answers",
    [
        (ABSENT, HELD, ABSENT),
        (ABSENT, HELD, VOIDED),
        (stock(10, 0), stock(8, 2), stock(10, 0)),
        # Others use the same stock.
        (stock(10, 0), stock(8, 2), stock(11, 0)),
        # An amount stays in the record of what is cancelled, and a history is added to.
        (ABSENT, paid(payment.PAYMENT_STATE_AUTHORIZED, 50), paid(payment.PAYMENT_STATE_VOIDED, 20)),
        (booked("a"), booked("a", "b", "c"), booked("a", "b", "c", "void b", "void c")),
        (booked("a"), booked("a", "b", "c"), booked("a")),
        # A command that removes something, and a compensation that brings it back.
        (HELD, ABSENT, HELD),
        # Asked for the first time with an id from the reply.
        (None, HELD, VOIDED),
    ],
)
async def test_a_query_that_showed_the_effect_and_no_longer_shows_the_effect_passes(
    answers: tuple[Answer, ...],
) -> None:
    assert await judged(*answers)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((ABSENT, HELD, HELD), "shows the effect as before it: OK"),
        ((HELD, ABSENT, ABSENT), "shows the effect as before it: NOT_FOUND"),
        ((None, HELD, HELD), "shows the effect as before it"),
        ((stock(10, 0), stock(6, 4), stock(8, 2)), "available 10 before the command, 6 after it, 8 after"),
        ((stock(10, 0), stock(6, 4), stock(10, 2)), "reserved 0 before the command, 4 after it, 2 after"),
        ((booked("a"), booked("a", "b", "c"), booked("a", "c")), "1 of the 2 entries in entries that the command"),
        ((ABSENT, booked("b", "c"), booked("void b", "c")), "1 of the 2 entries in entries that the command"),
        ((authorized(100), authorized(60), authorized(80)), "payment.amount.units 100 before the command"),
        ((ABSENT, HELD, BROKEN), "has no definite answer after the compensation: INTERNAL"),
    ],
)
async def test_an_effect_that_stands_in_whole_or_in_part_fails(answers: tuple[Answer, ...], told: str) -> None:
    with pytest.raises(Unmet) as failed:
        await judged(*answers)

    assert told in str(failed.value)


async def test_the_finding_shows_the_new_part_of_the_answer() -> None:
    assert await judged(ABSENT, HELD, VOIDED) == "Get showed the effect, then state: PAYMENT_STATE_VOIDED"
    assert await judged(ABSENT, HELD, ABSENT) == "Get showed the effect, then NOT_FOUND: no such order"


async def test_one_query_that_still_shows_the_effect_fails_although_another_shows_the_undo() -> None:
    with pytest.raises(Unmet, match="GetReport shows the effect as before it"):
        await judged(GetPayment=(ABSENT, HELD, VOIDED), GetReport=(reported(1), reported(2), reported(2)))


@pytest.mark.parametrize("answers", [(HELD, HELD, HELD), (HELD, HELD, VOIDED), (BROKEN, HELD, HELD)])
async def test_a_query_that_did_not_show_the_effect_decides_nothing(answers: tuple[Answer, ...]) -> None:
    with pytest.raises(NotSeen, match="no query of the service shows the effect"):
        await judged(*answers)

    assert await judged(Other=answers, GetPayment=(ABSENT, HELD, VOIDED))


async def test_a_verify_unchanged_by_the_compensation_fails_where_no_other_query_shows_the_effect() -> None:
    with pytest.raises(Unmet, match="verify shows the effect as before it"):
        await judged(HELD, HELD, HELD, verify=(UNSEEN, HELD, HELD))

    assert await judged(HELD, HELD, HELD, verify=(UNSEEN, HELD, UNSEEN))


async def test_a_verify_that_knows_the_record_decides_nothing_where_another_query_shows_the_effect() -> None:
    assert await judged(ABSENT, HELD, VOIDED, verify=(UNSEEN, HELD, HELD))
    with pytest.raises(Unmet, match="Get shows the effect as before it"):
        await judged(ABSENT, HELD, HELD, verify=(UNSEEN, HELD, UNSEEN))
