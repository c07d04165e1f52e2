"""Commands that were given up are forgotten: no journal keeps that, so the log does, with who did it and why."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from orchestrator.access.subject import actor
from orchestrator.api.views.timestamps import timestamp
from orchestrator.journal.logged import about_saga_id

if TYPE_CHECKING:
    from orchestrator.ports.dead_commands import DeadCommands

_log = logging.getLogger(__name__)


async def forget_dead_command(dead_commands: DeadCommands, service: str, identity: str, reason: str) -> None:
    """Have one command forgotten that a participant has given up.

    Raises:
        DeadCommandNotFound: there is none, or none any more.
        ParticipantNotFound: nobody of this name is reached over a queue; so it is with the next ones.
        BrokerAway: a broker that may have it does not answer, or refuses.
        NotAllowed: the caller sees some sagas only.
    """
    _tell(f"command {identity} that {service} has given up is to be forgotten", reason)
    letter = await dead_commands.forget(service, identity)
    told = "command %s is forgotten: %s of saga %s, which was given up at %s: %s"
    at = timestamp(letter.at).ToJsonString()
    about = about_saga_id(letter.saga_id) if letter.saga_id else None
    _log.info(told, identity, letter.command, letter.saga_id or "?", at, letter.error, extra=about)


async def forget_dead_commands_until(dead_commands: DeadCommands, service: str, until: int, reason: str) -> int:
    """Have all commands forgotten that a participant has given up until an instant; how many."""
    what = f"what {service} has given up until {timestamp(until).ToJsonString()}"
    _tell(f"{what} is to be forgotten", reason)
    number = await dead_commands.forget_until(service, until)
    _log.info("%s is forgotten: %d", what, number)
    return number


def _tell(what: str, reason: str) -> None:
    """Say who wants what, and why, before it is done: an answer that is lost leaves it uncertain whether it was."""
    who = actor()
    _log.info("%s, as %s (%s) wants it: %s", what, who.name, who.authority, reason)
