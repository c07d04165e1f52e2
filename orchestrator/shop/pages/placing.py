"""From the form of the shop to an order: what was bought, by whom, and what is to go wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.access.subject import actor
from orchestrator.api.calls.validation import refuse_invalid
from orchestrator.engine.starting import start_request
from orchestrator.errors import InvalidInput, OrchestratorError
from orchestrator.journal.acts import Act
from orchestrator.journal.priority import Priority
from orchestrator.shop.order_service import DEFINITION
from orchestrator.shop.pages.cart import Cart
from orchestrator.shop.pages.rehearsal import CANCELLED_AT, Choice, Rehearsal, choices, chosen, faults_of
from shop.order.v1.order_service_pb2 import StartOrderRequest
from shop.type.v1.type_pb2 import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.api.application import Application
    from orchestrator.engine.sagas import Served
    from orchestrator.shop.pages.faults import Faults

INSTEAD_OF_NOTHING: Final = Cart((("MUG-BLUE", 1),))
"""What is bought with an empty cart."""
CANCELLED: Final = "the customer cancelled the order in the shop"
"""Why, in the journal."""

_CUSTOMER: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CANCEL_SECONDS: Final = 60.0
_HESITATION_SECONDS: Final = 1.0


class Bought(NamedTuple):
    """What a form asks for.

    Attributes:
        request: the order.
        request_id: the same for a form that is sent twice.
        rehearsal: what is to go wrong.
        slow_motion: every service answers a little later.
    """

    request: StartOrderRequest
    request_id: str
    rehearsal: Rehearsal
    slow_motion: bool


class Placing:
    """Places orders for customers who use the pages.

    Args:
        application: the engine, and the way in for new sagas.
        faults: tells the services what is to go wrong.
    """

    def __init__(self, application: Application, faults: Faults) -> None:
        self._application = application
        self._faults = faults
        self._cancelling: set[asyncio.Task[None]] = set()

    @property
    def served(self) -> Served:
        """The saga that an order starts."""
        served = self._application.sagas.find(DEFINITION, 0)
        assert served is not None, "the pages are there only where orders can be placed"
        return served

    @property
    def services(self) -> list[str]:
        """The full names of the services that take part."""
        return list(dict.fromkeys(step.command.service for step in self.served.plan.steps()))

    def choices(self) -> tuple[list[Choice], list[Choice]]:
        """The steps and the compensations that can be made to fail."""
        return choices(step.command for step in self.served.plan.steps())

    def read(self, form: Mapping[str, object]) -> Bought:
        """What a form asks for.

        Raises:
            InvalidInput: that cannot be bought, or cannot go wrong.
        """
        steps, undos = self.choices()
        said = {name: value for name, value in form.items() if isinstance(value, str)}
        rehearsal = chosen(said.get("rehearsal", "nothing"), said.get("step", ""), said.get("fault", ""), steps + undos)
        if rehearsal is None:
            raise InvalidInput(("rehearsal", "is none of those that the shop offers"))
        request_id = said.get("request_id", "")
        if not _is_uuid(request_id):
            raise InvalidInput(("request_id", "must be the UUID that the shop has put into its form"))
        request = _order(said, rehearsal)
        refuse_invalid(request)
        return Bought(request, request_id, rehearsal, "slow_motion" in said)

    async def place(self, bought: Bought) -> str:
        """Place an order, or find the one that this form has placed; its id.

        Raises:
            InvalidInput: a service cannot make go wrong what is to.
            Overloaded: there are too many orders; none is placed.
            SagaExists: the form was sent before, with another content.
        """
        start = start_request(self.served, bought.request, bought.request_id, "", Priority.NORMAL)
        wanted = faults_of(bought.rehearsal, self.services, slow_motion=bought.slow_motion)
        await self._faults.plan(start.saga_id, wanted)
        state = await self._application.starts.start(start, 0)
        if bought.rehearsal.cancels:
            task = asyncio.create_task(_cancel_half_way(self._application, state.saga_id))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)
        return state.saga_id


def _order(said: Mapping[str, str], rehearsal: Rehearsal) -> StartOrderRequest:
    customer = said.get("customer", "").strip()
    if not _CUSTOMER.fullmatch(customer):
        raise InvalidInput(("customer", "must be a name of letters, digits, dots and dashes, 64 at most"))
    wanted = Cart(rehearsal.items) if rehearsal.items else Cart.read(said.get("cart", ""))
    return StartOrderRequest(
        customer_id=customer,
        email=f"{customer.strip('.')}@shop.example",
        lines=(wanted if wanted.items else INSTEAD_OF_NOTHING).lines(),
        ship_to=Address(name=customer, street="Main Street 1", city="Berlin", postal_code="10115", country="DE"),
        card_token=rehearsal.card,
        member="member" in said,
    )


async def _cancel_half_way(application: Application, order_id: str) -> None:
    """Cancel an order a moment after its money is asked for, as a customer who changes their mind.

    If this process ends before, nobody cancels.
    """
    sagas = application.sagas
    with contextlib.suppress(OrchestratorError, TimeoutError):
        async with asyncio.timeout(_CANCEL_SECONDS):
            async for state in sagas.watch(order_id):
                if any(command.method == CANCELLED_AT for command in state.commands.values()):
                    await application.clock.sleep(_HESITATION_SECONDS)
                    await sagas.act(Act.CANCEL, order_id, CANCELLED, actor())
                    return


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
