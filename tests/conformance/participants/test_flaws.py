"""Each flaw of a participant fails the checks that are about it, and no other."""

from __future__ import annotations

import pytest

from orchestrator.testing.conformance import CheckVerdict, Examples, Report, check_participant
from shop.shipping.v1.shipping_pb2 import DESCRIPTOR
from tests.conformance.participants import carrier
from tests.conformance.participants.carrier import Carrier, serving

SHIPPING = DESCRIPTOR.services_by_name["ShippingService"]


async def examined(participant: Carrier, *, restarts: bool = True) -> Report:
    examples = Examples.parse(SHIPPING, {"ArrangeShipment": {"rejected": {"weightGrams": carrier.TOO_HEAVY + 1}}})

    async def restart() -> None:
        participant.restart()

    async with serving(participant) as channel:
        return await check_participant(channel, SHIPPING, examples, restart if restarts else None)


async def test_a_sound_participant_fails_nothing() -> None:
    report = await examined(Carrier())

    assert report.passed, str(report)
    excused = {each.check for each in report.findings if each.verdict is CheckVerdict.NOT_APPLICABLE}
    assert excused == {"verify", "verify-after-restart"}
    assert [(each.check, each.verdict) for each in report.advice] == [("echoes", CheckVerdict.NOT_ECHOED)]


@pytest.mark.parametrize(
    ("flaw", "failed"),
    [
        (
            carrier.NO_GUARD,
            {
                *("same-key-twice", "same-key-concurrently", "key-with-another-request", "same-key-after-restart"),
                *("compensation-first", "command-after-compensation", "kept-out-after-restart"),
                "compensation-key-with-another-request",
            },
        ),
        (carrier.NEW_REPLY, {"same-key-twice", "same-key-concurrently", "same-key-after-restart"}),
        (carrier.ANY_REQUEST, {"key-with-another-request", "compensation-key-with-another-request"}),
        (carrier.RACES, {"same-key-concurrently"}),
        (
            carrier.FORGETS_COMPENSATIONS,
            {"compensation-first", "command-after-compensation", "kept-out-after-restart"},
        ),
        (carrier.NOTHING_TO_UNDO, {"compensation-first", "rejection-compensated", "kept-out-after-restart"}),
        (carrier.UNDOES_ONCE, {"compensation-twice"}),
        (carrier.CHANGES_ITS_MIND, {"rejection-repeated"}),
        (carrier.UNCHECKED, {"invalid-request"}),
        (carrier.FORGETS_EVERYTHING, {"same-key-after-restart", "kept-out-after-restart"}),
    ],
)
async def test_a_flaw_fails_the_checks_about_it_and_no_other(flaw: str, failed: set[str]) -> None:
    report = await examined(Carrier(flaw))

    assert {finding.check for finding in report.failures} == failed, str(report)
    assert not report.passed


async def test_a_failure_says_what_was_expected_and_seen() -> None:
    report = await examined(Carrier(carrier.FORGETS_COMPENSATIONS))

    (late,) = (finding for finding in report.failures if finding.check == "command-after-compensation")
    assert late.expected == "a definite refusal or the recorded reply, and no effect"
    assert late.seen.startswith("first OK {shipment {")
    assert "; once more after the compensation: OK {shipment {" in late.seen


async def test_without_a_way_to_restart_those_checks_do_not_apply() -> None:
    report = await examined(Carrier(carrier.FORGETS_EVERYTHING), restarts=False)

    assert report.passed
    excuses = {each.seen for each in report.findings if each.check.endswith("-after-restart")}
    assert excuses == {"no way to restart the participant was given", "the contract names no verify"}


async def test_a_participant_that_refuses_the_request_fails_with_a_hint_and_skips_the_other_checks() -> None:
    examples = Examples.parse(SHIPPING, {"ArrangeShipment": {"request": {"weightGrams": carrier.TOO_HEAVY + 1}}})
    async with serving(Carrier()) as channel:
        report = await check_participant(channel, SHIPPING, examples)

    assert [finding.check for finding in report.failures] == ["accepts-command"]
    assert "name a request in the examples that it accepts" in report.failures[0].seen
    assert {finding.check for finding in report.findings} == {"accepts-command", "invalid-request"}
