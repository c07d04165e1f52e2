"""What the doctor finds of certificates: those in files, and those that participants show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.participants import examine_participants
from orchestrator.connections.examining import examine_certificates
from orchestrator.ports.findings import Severity
from orchestrator.settings import read_settings
from tests.support.certificate_files import Authority, Files, put
from tests.support.processes import running
from tests.unit.testing.matrix.selling_saga import sell

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.ports.findings import Finding

INVENTORY = "shop.inventory.v1.InventoryService"


@pytest.mark.parametrize(
    ("life", "severity"),
    [
        (timedelta(days=31), Severity.FINE),
        (timedelta(days=29), Severity.WARNING),
        (timedelta(days=6), Severity.ERROR),
        (timedelta(hours=-1), Severity.ERROR),
    ],
    ids=str,
)
def test_a_certificate_that_ends_soon_is_told(tmp_path: Path, life: timedelta, severity: Severity) -> None:
    files = Authority(tmp_path).issue("orchestrator.example", life=life)

    (found,) = examine_certificates({"ORCHESTRATOR_TLS_CERTIFICATE": files.certificate}, datetime.now(UTC))

    assert (found.about, found.severity) == ("ORCHESTRATOR_TLS_CERTIFICATE", severity)
    assert "the certificate of orchestrator.example end" in found.what
    assert bool(found.advice) == (severity is not Severity.FINE)


def test_of_several_authorities_the_one_that_ends_first_counts(tmp_path: Path) -> None:
    first, second = Authority(tmp_path), Authority(tmp_path)
    soon = first.issue("soon.example", life=timedelta(days=20))
    both = tmp_path / "both"
    put(both, second.pem() + soon.certificate.read_bytes())

    (found,) = examine_certificates({"ORCHESTRATOR_TLS_CA": both}, datetime.now(UTC))

    assert found.severity is Severity.WARNING


def test_a_file_that_holds_no_certificate_is_an_error(tmp_path: Path) -> None:
    put(tmp_path / "empty", b"")
    files = {"ORCHESTRATOR_TLS_CA": tmp_path / "empty", "ORCHESTRATOR_TLS_CERTIFICATE": tmp_path / "nowhere"}

    found = examine_certificates(files, datetime.now(UTC))

    assert [each.severity for each in found] == [Severity.ERROR, Severity.ERROR]
    assert [each.what.partition(": ")[2] for each in found] == [
        "there is no certificate in PEM",
        "No such file or directory",
    ]


async def found_at(address: str, files: Files, name: str) -> dict[str, Finding]:
    settings = read_settings(
        participants=",".join(f"{service}={address}" for service in sell.services),
        participant_tls_ca=files.ca,
        participant_tls_certificate=files.certificate,
        participant_tls_key=files.key,
        participant_tls_names=f"{INVENTORY}={name}",
    )
    return {finding.about: finding for finding in await examine_participants(settings, [sell])}


async def test_the_certificate_of_a_participant_is_looked_at_and_its_name_compared(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "certificates")
    theirs, ours = authority.issue("inventory.example", life=timedelta(days=20)), authority.issue("orchestrator")
    async with running("inventory", tmp_path / "state", **theirs.environment("INVENTORY_")) as inventory:
        good = await found_at(inventory.address, ours, "inventory.example")
        wrong = await found_at(inventory.address, ours, "payment.example")

    assert good[f"certificate {INVENTORY}"].severity is Severity.WARNING
    assert "inventory.example ends on" in good[f"certificate {INVENTORY}"].what
    assert good[f"participant {INVENTORY}"].severity is Severity.FINE
    assert wrong[f"certificate {INVENTORY}"].severity is Severity.ERROR
    assert "its certificate is that of inventory.example, and payment.example was expected" in (
        wrong[f"certificate {INVENTORY}"].what
    )
    assert f"participant {INVENTORY}" not in wrong
