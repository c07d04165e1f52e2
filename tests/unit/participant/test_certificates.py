"""What is read from certificates: names, ends, and whose key it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme

from orchestrator.participant.security.certificates import certificates_in, has_ended, names_now, refuse_unmatched
from tests.support.certificate_files import Authority

if TYPE_CHECKING:
    from pathlib import Path


def test_a_certificate_is_whose_alternative_names_it_holds_and_not_whose_common_name() -> None:
    authority = trustme.CA()
    both = authority.issue_cert("orchestrator.example", "10.0.0.7", common_name="admin")
    alone = authority.issue_cert(common_name="alice")

    assert certificates_in(both.cert_chain_pems[0].bytes())[0].names == ("orchestrator.example", "10.0.0.7")
    assert certificates_in(alone.cert_chain_pems[0].bytes())[0].names == ("alice",)


def test_a_certificate_that_has_ended_or_is_none_has_no_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, ended = authority.issue("good.example"), authority.issue("ended.example", life=timedelta(hours=-1))

    assert names_now(good.certificate.read_bytes()) == ("good.example",)
    assert names_now(ended.certificate.read_bytes()) == ()
    assert [has_ended(each.certificate.read_bytes()) for each in (good, ended)] == [False, True]
    assert names_now(b"nothing") == ()


def test_a_certificate_is_refused_before_it_begins_and_after_it_ends(tmp_path: Path) -> None:
    certificate = certificates_in(Authority(tmp_path).issue("a.example").certificate.read_bytes())[0]
    now = datetime.now(UTC)

    certificate.refuse_at(now)
    with pytest.raises(ValueError, match=r"the certificate of a\.example begins on "):
        certificate.refuse_at(now - timedelta(days=2))
    with pytest.raises(ValueError, match=r"the certificate of a\.example ended on "):
        certificate.refuse_at(now + timedelta(days=100))


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one.example"), authority.issue("other.example")

    refuse_unmatched(one.certificate.read_bytes(), one.key.read_bytes())
    with pytest.raises(ValueError, match="the key is not that of the certificate"):
        refuse_unmatched(one.certificate.read_bytes(), other.key.read_bytes())
