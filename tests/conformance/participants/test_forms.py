"""Every form of the guard, before the same service, keeps what sagas rely on; also after a restart on its records."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from orchestrator.testing.conformance import CheckVerdict, Examples, check_participant
from shop.payment.v1 import payment_pb2 as pb
from tests.conformance.participants import forms

if TYPE_CHECKING:
    from pathlib import Path

    import grpc.aio

SERVICE = pb.DESCRIPTOR.services_by_name["PaymentService"]
EXAMPLES = {
    "AuthorizePayment": {
        "request": {"amount": {"currencyCode": "EUR", "units": 71}, "cardToken": "tok_visa"},
        "rejected": {"cardToken": "tok_declined"},
    },
    "CapturePayment": {
        "given": ["AuthorizePayment"],
        "request": {"amount": {"currencyCode": "EUR", "units": 71}},
        "rejected": {"amount": {"currencyCode": "EUR", "units": 72}},
    },
}
FORMS = {
    "aio, AsyncEngine": forms.aio_and_async_engine,
    "aio, Engine": forms.aio_and_engine,
    "threads, driver": forms.threads_and_driver,
    "asgi, AsyncEngine": forms.asgi_and_async_engine,
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/till.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_a_guarded_service_passes_every_check_and_echoes(form: forms.Form, url: str) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        channel = await first.enter_async_context(form(url))

        async def restart() -> grpc.aio.Channel:
            await first.aclose()
            return await stack.enter_async_context(form(url))

        report = await check_participant(channel, SERVICE, Examples.parse(SERVICE, EXAMPLES), restart)

    verdicts = {each.verdict for each in report.findings}
    assert report.passed, str(report)
    assert verdicts == {CheckVerdict.PASSED, CheckVerdict.NOT_APPLICABLE}, str(report)
    assert {each.verdict for each in report.findings if each.check == "echoes"} == {CheckVerdict.PASSED}
