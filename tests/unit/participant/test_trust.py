"""Whom a participant believes, and what each call needs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from orchestrator.participant import GuardRefusal, Kind
from orchestrator.participant.metadata import CallMetadata
from orchestrator.participant.security.exposure import is_exposed
from orchestrator.participant.security.trust import Caller, Role, TrustedCallers, everybody, refuse_untrusted
from tests.support.certificate_files import put

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

NOTHING = CallMetadata()
WITH_KEY = CallMetadata(idempotency_key="order-1/Add#1", saga_id="order-1")
OF_COMMAND = CallMetadata(idempotency_key="order-1/Undo#1", compensates="order-1/Add#1")
OF_ANOTHER_SERVICE = CallMetadata.read([("idempotency-key", "order-1/Refund#1"), ("compensates-foreign", "Charge#1")])
VERIFYING = CallMetadata(verifies="order-1/Add#1")
TRACED = CallMetadata(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def needs(kind: Kind, metadata: CallMetadata) -> Role | None:
    """The role without which a call is refused."""

    def refused(roles: Collection[Role]) -> bool:
        try:
            refuse_untrusted(lambda _: roles, Caller, kind, metadata, "Add")
        except GuardRefusal as refusal:
            return (refusal.reason, refusal.code, refusal.echo) == ("CALLER_NOT_TRUSTED", "PERMISSION_DENIED", False)
        return False

    if not refused(()):
        return None
    (needed,) = [role for role in Role if not refused([role])]
    return needed


@pytest.mark.parametrize(
    ("kind", "metadata", "role"),
    [
        (Kind.QUERY, NOTHING, None),
        (Kind.QUERY, TRACED, None),
        (Kind.QUERY, VERIFYING, Role.ORCHESTRATOR),
        (Kind.QUERY, WITH_KEY, Role.ORCHESTRATOR),
        (Kind.COMMAND, NOTHING, Role.ORCHESTRATOR),
        (Kind.COMMAND, WITH_KEY, Role.ORCHESTRATOR),
        (Kind.RETRYABLE, NOTHING, Role.ORCHESTRATOR),
        (Kind.FOREIGN, NOTHING, Role.ORCHESTRATOR),
        (Kind.COMPENSATION, OF_COMMAND, Role.ORCHESTRATOR),
        (Kind.COMPENSATION, OF_ANOTHER_SERVICE, Role.ORCHESTRATOR),
        (Kind.COMPENSATION, WITH_KEY, Role.OPERATOR),
        (Kind.COMPENSATION, NOTHING, Role.OPERATOR),
    ],
)
def test_each_call_needs_a_role(kind: Kind, metadata: CallMetadata, role: Role | None) -> None:
    assert needs(kind, metadata) is role


def test_a_participant_that_trusts_everybody_asks_nobody_who_they_are() -> None:
    def tell() -> Caller:
        raise AssertionError("it was asked")

    refuse_untrusted(everybody, tell, Kind.COMPENSATION, NOTHING, "Undo")
    assert set(everybody(Caller())) == set(Role)


def test_a_file_names_callers_by_certificate_and_by_token(tmp_path: Path) -> None:
    file = tmp_path / "callers"
    fingerprint = hashlib.sha256(b"saga_token").hexdigest()
    put(
        file,
        f"# who\n\norchestrator certificate=spiffe://first/orchestrator\noperator sha256={fingerprint} # Alice\n"
        "operator certificate=both.example\norchestrator certificate=both.example\n".encode(),
    )
    trusts = TrustedCallers(file)

    assert trusts(Caller(("a.example", "spiffe://first/orchestrator"))) == {Role.ORCHESTRATOR}
    assert trusts(Caller(authorization="Bearer saga_token")) == {Role.OPERATOR}
    assert trusts(Caller(("spiffe://first/orchestrator",), "bearer saga_token")) == set(Role)
    assert trusts(Caller(("both.example",))) == set(Role)
    for stranger in (Caller(), Caller(("first",), "saga_token"), Caller(authorization=f"Bearer {fingerprint}")):
        assert not trusts(stranger)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "it names nobody"),
        ("# nobody", "it names nobody"),
        ("orchestrator certificate=a\nviewer certificate=a", "line 2: expected"),
        ("orchestrator a.example", "line 1: expected"),
        ("orchestrator certificate=", "line 1: expected"),
        ("orchestrator sha256=saga_token", "line 1: expected"),
        ("orchestrator certificate=a b", "line 1: expected"),
    ],
)
def test_a_file_that_names_callers_wrongly_is_refused(tmp_path: Path, content: str, told: str) -> None:
    put(tmp_path / "callers", content.encode())
    with pytest.raises(ValueError, match=told) as refused:
        TrustedCallers(tmp_path / "callers")
    assert "saga_token" not in str(refused.value)


def test_a_token_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caller = Caller(("a.example",), "Bearer saga_token", "ipv4:127.0.0.1:1")
    with pytest.raises(GuardRefusal) as refused:
        refuse_untrusted(lambda _: (), lambda: caller, Kind.COMMAND, NOTHING, "Add")

    assert "Add is refused to a.example at ipv4:127.0.0.1:1: it needs the role orchestrator here" in caplog.text
    for shown in (repr(caller), str(caller), str(refused.value), str(refused.value.metadata), caplog.text):
        assert "saga_token" not in shown


@pytest.mark.parametrize(
    ("listen", "exposed"),
    [
        ("127.0.0.1:1", False),
        ("127.8.8.8:1", False),
        ("localhost:1", False),
        ("a.localhost:1", False),
        ("[::1]:1", False),
        ("[::ffff:127.0.0.1]:1", False),
        ("unix:/run/a.sock", False),
        ("0.0.0.0:1", True),
        ("[::]:1", True),
        ("10.0.0.7:1", True),
        ("hotel.example:1", True),
    ],
)
def test_a_server_that_listens_to_more_than_its_machine_is_exposed(listen: str, *, exposed: bool) -> None:
    assert is_exposed(listen) is exposed
