"""What may go wrong on purpose with an order, and what has to be done so that it does.

Some inputs make an order fail by themselves: test cards, a piano that no carrier takes, so many T-shirts that somebody
has to approve. Everything else is a fault that a service was asked to make (``shop.fault.v1.FaultService``). So neither
the saga nor the engine knows whether somebody is only trying.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.shop.pages.words import of_step
from shop.fault.v1 import fault_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.contract.command import Command

GOOD_CARD: Final = "tok_visa"
CANCELLED_AT: Final = "shop.payment.v1.PaymentService.AuthorizePayment"
"""The step during which a customer cancels who does so on purpose."""
DOWN_FOR: Final = timedelta(seconds=8)
"""How long a service is down on purpose: a few attempts, and short enough to be watched."""
SLOW_MOTION: Final = timedelta(milliseconds=600)
"""How much later each service answers, so that people can follow; within the shortest deadline of a contract."""


class Misfortune(NamedTuple):
    """A fault of one step.

    Attributes:
        rpc: the full name of the rpc.
        fault: what goes wrong.
    """

    rpc: str
    fault: fault_pb2.Fault.ValueType


@dataclass(frozen=True)
class Rehearsal:
    """Something that goes wrong, or that nothing does.

    Attributes:
        name: as forms and addresses hold it.
        title: what the button says.
        story: what there is to see then.
        card: the token of the card.
        items: what is bought instead of the cart; empty for the cart itself.
        misfortune: what a service is asked to do, if it is.
        cancels: the customer cancels while the money is being asked for.
    """

    name: str
    title: str
    story: str
    card: str = GOOD_CARD
    items: tuple[tuple[str, int], ...] = ()
    misfortune: Misfortune | None = None
    cancels: bool = False


NOTHING: Final = Rehearsal(
    "nothing", "Buy", "Nothing goes wrong on purpose: every step is done, and the order is received."
)

PREPARED: Final = (
    Rehearsal(
        "declined",
        "Declined card",
        "The bank declines the card. What was done before is taken back, the last step first.",
        card="tok_declined",
    ),
    Rehearsal(
        "slow",
        "Slow payment",
        "The bank holds the money, and answers too late. It is asked again with the same key, and holds it once.",
        card="tok_slow",
    ),
    Rehearsal(
        "lost-reply",
        "Lost reply",
        "The bank holds the money, and its answer is lost. Nobody guesses: the same command is sent again.",
        card="tok_lost_reply",
    ),
    Rehearsal(
        "refused-shipment",
        "Refused shipment",
        "A grand piano, which no carrier takes. The money that your bank holds is given free, and all else is undone.",
        items=(("PIANO-GRAND", 1),),
    ),
    Rehearsal(
        "service-down",
        "Service down",
        "The inventory is not there for a few seconds. The order waits for it, and goes on by itself.",
        misfortune=Misfortune("shop.inventory.v1.InventoryService.ReserveStock", fault_pb2.FAULT_DOWN),
    ),
    Rehearsal(
        "cancel",
        "Cancel half way",
        "You change your mind while the bank is being asked for the money. All that was done is taken back.",
        card="tok_slow",
        cancels=True,
    ),
    Rehearsal(
        "approval",
        "Needs approval",
        "A thousand T-shirts are so expensive that somebody has to say yes before they are paid.",
        items=(("TEE-M", 1000),),
    ),
    Rehearsal(
        "refused-after-payment",
        "Needs a person",
        "The warehouse refuses to pack what is already paid. There is no way back, so somebody has to decide.",
        misfortune=Misfortune("shop.warehouse.v1.WarehouseService.FulfilOrder", fault_pb2.FAULT_REFUSED),
    ),
)
"""Those that have a button of their own."""

FAULTS: Final = {
    "refused": (fault_pb2.FAULT_REFUSED, "is refused", "The first attempt is refused, and has no effect."),
    "slow": (fault_pb2.FAULT_SLOW, "answers too late", "The first attempt takes effect, and is answered too late."),
    "lost": (fault_pb2.FAULT_LOST_REPLY, "loses its reply", "The first attempt takes effect, and its answer is lost."),
    "down": (fault_pb2.FAULT_DOWN, "finds nobody there", "Nobody is there for a few seconds."),
}
"""What may go wrong at any step: by the word in a form, the fault, what the step does then, and a sentence about it."""


class Choice(NamedTuple):
    """A step that can be chosen to fail: the full name of its rpc, and what it is called."""

    rpc: str
    title: str


def choices(commands: Iterable[Command]) -> tuple[list[Choice], list[Choice]]:
    """The steps that can fail, and the compensations that can, in the order of the code; each once."""
    steps, undos = dict[str, Choice](), dict[str, Choice]()
    for command in commands:
        steps.setdefault(command.name, Choice(command.name, f"{of_step(command.name).ahead} ({command.method})"))
        if command.compensation is not None:
            undo = command.compensation
            undos.setdefault(undo.name, Choice(undo.name, f"{of_step(command.name).undone} ({undo.method})"))
    return list(steps.values()), list(undos.values())


def chosen(name: str, rpc: str, fault: str, known: Sequence[Choice]) -> Rehearsal | None:
    """What a form or an address asks for; ``None`` where there is no such thing.

    Args:
        name: of a rehearsal; ``step`` for a step that was chosen.
        rpc: the full name of the rpc of that step.
        fault: what goes wrong with it; one of :data:`FAULTS`.
        known: the steps that can be chosen.
    """
    if name != "step":
        return next((each for each in (NOTHING, *PREPARED) if each.name == name), None)
    if fault not in FAULTS or rpc not in {choice.rpc for choice in known}:
        return None
    number, does, sentence = FAULTS[fault]
    return Rehearsal("step", f"{rpc.rpartition('.')[2]} {does}", sentence, misfortune=Misfortune(rpc, number))


def faults_of(
    rehearsal: Rehearsal, services: Iterable[str], *, slow_motion: bool
) -> dict[str, list[fault_pb2.PlannedFault]]:
    """What to ask of which service, by the full names of the services.

    Args:
        rehearsal: what is to go wrong.
        services: those that take part.
        slow_motion: each answers a little later, too.
    """
    wanted: dict[str, list[fault_pb2.PlannedFault]] = {}
    if rehearsal.misfortune is not None:
        service, _, method = rehearsal.misfortune.rpc.rpartition(".")
        fault = fault_pb2.PlannedFault(method=method, fault=rehearsal.misfortune.fault)
        if rehearsal.misfortune.fault == fault_pb2.FAULT_DOWN:
            fault.lasting.FromTimedelta(DOWN_FOR)
        wanted[service] = [fault]
    if slow_motion:
        for service in services:
            delay = fault_pb2.PlannedFault(fault=fault_pb2.FAULT_DELAY)
            delay.lasting.FromTimedelta(SLOW_MOTION)
            wanted.setdefault(service, []).append(delay)
    return wanted
