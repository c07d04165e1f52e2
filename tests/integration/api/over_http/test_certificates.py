"""A caller over HTTP who is known by a client certificate, over real TLS."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.support.certificate_files import Authority
from tests.support.served import served, subjects_of_every_role, token_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECKOUT = "checkout:\n  certificate: checkout.example\n  roles: [operator]\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = Authority(folder / "authority")
    ours, theirs = authority.issue("localhost"), authority.issue("checkout.example")
    subjects = subjects_of_every_role() + CHECKOUT
    with served(folder, subjects, **ours.environment("ORCHESTRATOR_")) as orchestrator:
        context = ssl.create_default_context(cafile=ours.ca)
        context.load_cert_chain(theirs.certificate, theirs.key)
        address = orchestrator.console.replace("127.0.0.1", "localhost")
        with httpx2.Client(base_url=address, verify=context) as client:
            yield client


def test_a_subject_is_known_by_a_name_in_its_certificate(checkout: httpx2.Client) -> None:
    told = checkout.get("/v1/whoAmI").json()
    assert (told["subject"], told["authority"], told["roles"]) == ("checkout", "certificate", ["ROLE_OPERATOR"])


def test_a_token_counts_before_a_certificate(checkout: httpx2.Client) -> None:
    told = checkout.get("/v1/whoAmI", headers={"authorization": f"Bearer {token_of('viewer')}"}).json()
    assert (told["subject"], told["authority"]) == ("viewer", "token file")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "text/plain"}, 415),
        ({"origin": "https://elsewhere.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_no_form_of_another_site_acts_by_the_certificate_of_its_visitor(
    checkout: httpx2.Client, headers: dict[str, str], status: int
) -> None:
    answer = checkout.post("/v1/sagas/x:cancel", content=b'{"reason": "x"}', headers=headers)
    assert answer.status_code == status
    answer = checkout.post("/v1/sagas/x:cancel", json={"reason": "x"})
    assert answer.json()["reason"] == "SAGA_NOT_FOUND"
