"""Participants whose answers are right and whose compensations, verify queries or echoes are wrong."""

from __future__ import annotations

import pytest

from orchestrator.testing.conformance import CheckFinding, CheckVerdict, Examples, Report, check_participant
from shop.inventory.v1 import inventory_pb2 as inventory
from shop.payment.v1 import payment_pb2 as payment
from tests.conformance.participants import guarded
from tests.conformance.participants.guarded import Storekeeper, Teller, serving

INVENTORY = inventory.DESCRIPTOR.services_by_name["InventoryService"]
PAYMENT = payment.DESCRIPTOR.services_by_name["PaymentService"]
STOCK = {"ReserveStock": {"observe": {"GetStock": {"sku": "MUG"}}}}
CAPTURE = {"CapturePayment": {"given": ["AuthorizePayment"]}}


async def examined(participant: Teller | Storekeeper) -> Report:
    is_teller = isinstance(participant, Teller)
    service, said = (PAYMENT, CAPTURE) if is_teller else (INVENTORY, STOCK)

    async def restart() -> None:
        if isinstance(participant, Teller):
            participant.restart()

    async with serving(participant) as channel:
        return await check_participant(channel, service, Examples.parse(service, said), restart)


def found(report: Report, check: str, rpc: str = "") -> CheckFinding:
    return next(each for each in report.findings if each.check == check and each.rpc.startswith(rpc))


@pytest.mark.parametrize("participant", [Teller(), Storekeeper()], ids=["teller", "storekeeper"])
async def test_a_sound_participant_that_echoes_passes_all_that_applies(participant: Teller | Storekeeper) -> None:
    report = await examined(participant)

    assert report.passed, str(report)
    assert report.advice == ()
    assert found(report, "echoes").verdict is CheckVerdict.PASSED
    assert found(report, "compensation-undoes").verdict is CheckVerdict.PASSED


@pytest.mark.parametrize(
    ("participant", "failed"),
    [
        (Teller(guarded.UNDOES_NOTHING), {"compensation-undoes"}),
        (Storekeeper(guarded.UNDOES_NOTHING), {"compensation-undoes"}),
        (Storekeeper(guarded.UNDOES_HALF), {"compensation-undoes"}),
        (Storekeeper(guarded.UNDOES_TWICE), {"compensation-twice"}),
        (Teller(guarded.ANY_COMPENSATION), {"compensation-key-with-another-request"}),
        (Storekeeper(guarded.ANY_COMPENSATION), {"compensation-key-with-another-request"}),
        (Teller(guarded.VERIFY_SAYS_NO), {"verify", "verify-after-restart"}),
        (Teller(guarded.VERIFY_SAYS_YES), {"verify"}),
        (Teller(guarded.BARE_NOT_FOUND), {"verify"}),
        (Teller(guarded.VERIFY_FORGETS), {"verify-after-restart"}),
        (Teller(guarded.WRONG_ECHO), {"echoes"}),
        (Storekeeper(guarded.WRONG_ECHO), {"echoes"}),
        (Teller(guarded.ECHOES_MALFORMED), {"echoes-no-more"}),
        (Storekeeper(guarded.ECHOES_REUSED), {"echoes-no-more"}),
    ],
    ids=lambda value: f"{type(value).__name__} {value.guard.flaw}" if not isinstance(value, set) else "",
)
async def test_a_flaw_behind_the_right_answers_fails_the_check_about_it(
    participant: Teller | Storekeeper, failed: set[str]
) -> None:
    report = await examined(participant)

    assert {finding.check for finding in report.failures} == failed, str(report)


async def test_a_compensation_that_undoes_nothing_fails_with_the_answer_of_the_query() -> None:
    report = await examined(Teller(guarded.UNDOES_NOTHING))

    seen = found(report, "compensation-undoes").seen
    assert seen.startswith("the compensation completed, and GetPayment shows the effect as before it: OK {payment {")


async def test_a_compensation_that_undoes_half_fails_with_the_number_that_stopped_on_the_way_back() -> None:
    report = await examined(Storekeeper(guarded.UNDOES_HALF))

    seen = found(report, "compensation-undoes").seen
    assert seen.startswith("the compensation completed, and undid a part: GetStock shows available ")


async def test_where_no_query_shows_the_effect_the_compensation_is_not_seen_and_not_passed() -> None:
    async with serving(Storekeeper(guarded.UNDOES_NOTHING)) as channel:
        report = await check_participant(channel, INVENTORY)

    assert report.passed, str(report)
    unseen = {finding.check: finding.seen for finding in report.advice}
    assert unseen.keys() == {"compensation-undoes", "compensation-twice"}
    assert all("name one as `observe` in the examples" in seen for seen in unseen.values())
    assert "compensation-undoes not seen" in str(report)


async def test_a_query_that_does_not_show_the_effect_passes_no_check() -> None:
    said = {"ReserveStock": {"observe": {"GetStock": {"sku": "MUG"}}}}
    participant = Storekeeper()
    participant.available = participant.reserved = 0
    participant._move = lambda quantity: None  # type: ignore[method-assign]  # noqa: ARG005 - another stock is shown
    async with serving(participant) as channel:
        report = await check_participant(channel, INVENTORY, Examples.parse(INVENTORY, said))

    assert found(report, "compensation-undoes").verdict is CheckVerdict.NOT_SEEN


async def test_a_participant_whose_refusals_are_not_echoed_is_advised_and_not_failed() -> None:
    report = await examined(Teller(guarded.SILENT_REFUSALS))

    assert report.passed, str(report)
    (advice,) = report.advice
    assert (advice.rpc, advice.check, advice.verdict) == ("AuthorizePayment", "echoes", CheckVerdict.NOT_ECHOED)
    assert advice.seen == (
        "not echoed: the command after its compensation; without the echo, a rejection after a lost answer is "
        "treated as unknown"
    )


async def test_a_verify_that_denies_an_effect_fails_with_the_expected_answer() -> None:
    report = await examined(Teller(guarded.VERIFY_SAYS_NO))

    seen = found(report, "verify").seen
    assert seen.startswith("verify, after the command, says no: NOT_FOUND (COMMAND_NOT_SEEN)")
    assert seen.endswith("answer OK for the key of a command that took effect")


async def test_a_no_without_a_reason_fails_with_the_expected_answer() -> None:
    report = await examined(Teller(guarded.BARE_NOT_FOUND))

    seen = found(report, "verify").seen
    assert seen.startswith("verify, before the command, neither says yes nor no: NOT_FOUND: ")
    assert "answer NOT_FOUND with a google.rpc.ErrorInfo whose reason is COMMAND_NOT_SEEN" in seen
    assert "OUTCOME_REJECTED in the query's `outcomes`" in seen
