"""Events of a service: what it tells others, and what it hears from others.

::

    a call ──▶ guard ──▶ business + publish(connection, event, about=...) ─── one transaction ──▶ outbox
                                                                                                    │ relay
                                                                                                    ▼
    another service's tables ◀── handler + inbox, one transaction ◀── subscription ◀── the stream of events

An event is told if and only if the business change of its transaction was committed; it leaves at least once, with the
same id, in the order of what it is about. A handler's effect is made once for each id, and in that order too. A service
says what it hears with ``@subscribes`` and ``@starts`` on methods of its servicer, and where the events are with
``<SERVICE>_EVENTS``.
"""

from services.chassis.events.handlers import starts, subscribes
from services.chassis.events.outbox import publish

__all__ = ["publish", "starts", "subscribes"]
