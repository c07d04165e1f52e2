"""What the kit takes for the yes and the no of a verify query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.contract.command import Meaning, OutcomeRule
from orchestrator.contract.status_code import StatusCode
from orchestrator.testing.conformance.answers import Answer
from orchestrator.testing.conformance.trial import Unmet
from orchestrator.testing.conformance.verifying import verify_tells
from shop.payment.v1 import payment_pb2 as payment

if TYPE_CHECKING:
    from orchestrator.testing.conformance.trial import Trial

YES = Answer.completed(payment.GetPaymentResponse())
NO = Answer(StatusCode.NOT_FOUND, "never seen", "COMMAND_NOT_SEEN")
BARE = Answer(StatusCode.NOT_FOUND, "no such route")
OTHER = Answer(StatusCode.NOT_FOUND, "no such payment", "NO_SUCH_PAYMENT")
MISPLACED = Answer(StatusCode.FAILED_PRECONDITION, "never seen", "COMMAND_NOT_SEEN")


class Staged:
    """A trial of a pivot with given answers of its verify query, before the command and after it."""

    is_compensable = is_rejectable = may_compensate_first = False

    def __init__(self, *verify: Answer, rules: tuple[OutcomeRule, ...] = ()) -> None:
        self._verify = iter(verify)
        self.verify_rules = rules

    async def send(self) -> Answer:
        return Answer.completed(payment.CapturePaymentResponse())

    async def verify(self) -> Answer:
        return next(self._verify)


async def judged(*verify: Answer, rules: tuple[OutcomeRule, ...] = ()) -> str:
    trial: Any = Staged(*verify, rules=rules)

    async def new() -> Trial:
        return trial  # type: ignore[no-any-return]  # staged

    return await verify_tells(new)


async def test_no_is_not_found_with_the_reason_and_yes_is_ok() -> None:
    assert await judged(NO, YES) == "no before the command, yes after it"


@pytest.mark.parametrize(
    "answer", [BARE, OTHER, MISPLACED, Answer(StatusCode.UNIMPLEMENTED), Answer(StatusCode.UNAVAILABLE)]
)
async def test_any_other_status_is_no_answer(answer: Answer) -> None:
    with pytest.raises(Unmet, match="before the command, neither says yes nor no"):
        await judged(answer, YES)


@pytest.mark.parametrize("answer", [NO, BARE, Answer(StatusCode.UNAVAILABLE)])
async def test_only_ok_tells_that_a_command_took_effect(answer: Answer) -> None:
    with pytest.raises(Unmet, match=r"after the command, .*answer OK"):
        await judged(NO, answer)


async def test_a_yes_before_the_command_fails() -> None:
    with pytest.raises(Unmet, match="before the command, says yes"):
        await judged(YES, YES)


async def test_a_rule_of_the_contract_can_make_another_status_a_no() -> None:
    rule = OutcomeRule(StatusCode.NOT_FOUND, "NO_SUCH_PAYMENT", Meaning.REJECTED)

    assert await judged(OTHER, YES, rules=(rule,))
    with pytest.raises(Unmet, match="neither says yes nor no"):
        await judged(BARE, YES, rules=(rule,))


async def test_a_rule_about_the_message_makes_only_that_message_a_no() -> None:
    rule = OutcomeRule(StatusCode.NOT_FOUND, "", Meaning.REJECTED, message_contains="no such payment")

    assert await judged(OTHER, YES, rules=(rule,))
    with pytest.raises(Unmet, match="neither says yes nor no"):
        await judged(BARE, YES, rules=(rule,))


async def test_a_rule_of_the_contract_can_take_the_no_from_a_status() -> None:
    with pytest.raises(Unmet, match="neither says yes nor no"):
        await judged(NO, YES, rules=(OutcomeRule(StatusCode.NOT_FOUND, "", Meaning.UNKNOWN),))
