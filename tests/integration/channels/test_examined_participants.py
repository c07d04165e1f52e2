"""What the doctor finds of participants: whether they serve, and whether their contract is the one known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.channels.grpc.live_contracts import Compared, LiveContracts
from orchestrator.cli.participants import examine_participants
from orchestrator.contract.drift import Drift
from orchestrator.contract.violation import Violation
from orchestrator.ports.findings import Severity
from orchestrator.settings import read_settings
from orchestrator.testing.mock import MockParticipant
from tests.unit.testing.matrix.selling_saga import sell

if TYPE_CHECKING:
    import pytest

    from orchestrator.ports.findings import Finding

SERVICES = list(sell.services.values())
NOBODY = "127.0.0.1:1"


async def look(address: str) -> dict[str, Finding]:
    where = ",".join(f"{service.full_name}={address}" for service in SERVICES)
    found = await examine_participants(read_settings(participants=where), [sell])
    for finding in found:
        assert bool(finding.advice) == (finding.severity is not Severity.FINE), finding
    return {finding.about: finding for finding in found}


async def test_participants_that_serve_the_same_contracts_are_fine() -> None:
    async with MockParticipant(SERVICES, listen="127.0.0.1:0") as mock:
        found = await look(mock.address)

    assert {finding.severity for finding in found.values()} == {Severity.FINE}
    assert {about.split()[0] for about in found} == {"participant", "contract"}
    assert len(found) == 2 * len(SERVICES)
    assert found["contract shop.payment.v1.PaymentService"].what == "the same there as here"


async def test_a_participant_that_is_away_is_an_error_and_its_contract_is_not_asked_for() -> None:
    found = await look(NOBODY)

    assert {finding.severity for finding in found.values()} == {Severity.ERROR}
    assert found["participant shop.payment.v1.PaymentService"].what == f"nobody serves it at {NOBODY}"
    assert len(found) == len(SERVICES)


async def test_a_contract_that_differs_on_the_wire_is_an_error_and_one_in_words_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    differs = Violation("payment.proto", 7, "PaymentService", "same-type", "another type")

    async def compare_all(_self: LiveContracts) -> dict[str, Compared]:
        (first, second, *rest) = (service.full_name for service in SERVICES)
        return {
            first: Compared(Drift([differs], [])),
            second: Compared(Drift([], [differs])),
            **{name: Compared(Drift([], []), "it offers no reflection") for name in rest},
        }

    monkeypatch.setattr(LiveContracts, "compare_all", compare_all)
    async with MockParticipant(SERVICES, listen="127.0.0.1:0") as mock:
        found = await look(mock.address)

    first, second, third, *_ = (found[f"contract {service.full_name}"] for service in SERVICES)
    assert (first.severity, second.severity, third.severity) == (Severity.ERROR, Severity.WARNING, Severity.FINE)
    assert "another type" in first.what
    assert third.what == "not compared: it offers no reflection"
