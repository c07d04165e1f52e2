"""How a servicer says what it hears: methods that take an event.

::

    class RewardsService(Participant, RewardsServiceServicer):
        @subscribes
        def credit_points(self, placed: OrderPlaced, connection: Connection) -> None:
            ...  # the effect, in the transaction of the inbox

        @starts("send_gift")
        def send_gift(self, filled: StampCardFilled) -> GiftRequest | None:
            ...  # the input of the saga to start; None for no saga

The annotation of the event says which types are heard. A method that takes ``OrderPlaced | OrderReturned`` hears both,
in the order of what they are about; two methods are two subscriptions, which know nothing of one another: each has its
own place in the stream, and its own dead letters.

| what a handler raises                     | what becomes of the event                                         |
|-------------------------------------------|-------------------------------------------------------------------|
| ``Unavailable``, or the database is away  | it is tried again, with a longer pause each time, until it works  |
| ``Rejection``, ``InvalidRequest``         | it is a dead letter at once: to repeat it would not change it     |
| anything else                             | it is tried again some times, and then it is a dead letter        |

Later events about the same thing wait for it; others do not, as long as no hundred events wait.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar, get_args, overload

from google.protobuf.message import Message

# The attribute of a method that says what it hears.
_HEARS: Final = "hears"

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Hears:
    """What a method hears.

    Attributes:
        kinds: the classes of the events.
        provisional: also those that may still be taken back.
        starts: the definition of the saga that is started with what the method returns; empty for none.
    """

    kinds: tuple[type[Message], ...]
    provisional: bool = False
    starts: str = ""


@dataclass(frozen=True, slots=True)
class Handler:
    """A method of a servicer that hears events.

    Attributes:
        name: of the method.
        hears: what it hears.
        method: itself, bound to the servicer.
    """

    name: str
    hears: Hears
    method: Callable[..., Any]

    @property
    def types(self) -> list[str]:
        """The full names of the events."""
        return [kind.DESCRIPTOR.full_name for kind in self.hears.kinds]


@overload
def subscribes(method: MethodT) -> MethodT: ...
@overload
def subscribes(*, provisional: bool) -> Callable[[MethodT], MethodT]: ...
def subscribes(method: Callable[..., Any] | None = None, *, provisional: bool = False) -> Callable[..., Any]:
    """Hear the events that the method takes; it gets the transaction in which its effect is to be made.

    Args:
        method: takes the event and a connection.
        provisional: hear also events that were told although what they tell may still be taken back.
    """

    def mark(marked: MethodT) -> MethodT:
        setattr(marked, _HEARS, Hears(_kinds(marked), provisional=provisional))
        return marked

    return mark if method is None else mark(method)


def starts(definition: str) -> Callable[[MethodT], MethodT]:
    """Start a saga with what the method makes of an event, once for each event.

    Args:
        definition: of the saga.
    """

    def mark(marked: MethodT) -> MethodT:
        setattr(marked, _HEARS, Hears(_kinds(marked), starts=definition))
        return marked

    return mark


def handlers_of(servicer: object) -> list[Handler]:
    """What the servicer hears, in the order of the names."""
    return list(_found(servicer))


def _found(servicer: object) -> Iterator[Handler]:
    for name in sorted(dir(type(servicer))):
        hears = getattr(getattr(type(servicer), name), _HEARS, None)
        if isinstance(hears, Hears):
            yield Handler(name, hears, getattr(servicer, name))


def _kinds(method: Callable[..., Any]) -> tuple[type[Message], ...]:
    annotated = next((kind for name, kind in method.__annotations__.items() if name != "return"), None)
    kinds = get_args(annotated) or (annotated,)
    if not all(isinstance(kind, type) and issubclass(kind, Message) for kind in kinds):
        raise TypeError(
            f"{method.__name__}: annotate the events' classes themselves; no `from __future__ import annotations` here"
        )
    return kinds
