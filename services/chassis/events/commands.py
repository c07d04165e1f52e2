"""What an operator does about the events of a service: ``python -m services.email dead-letters``.

| command                            | does                                                        |
|------------------------------------|-------------------------------------------------------------|
| ``dead-letters``                   | lists what the service has given up: one a line             |
| ``dead-letters retry``             | lets the running service try all of them again              |
| ``dead-letters retry <event id>``  | lets it try one again                                       |
| ``outbox``                         | says how many events wait to be told, and since when        |
| ``outbox resend``                  | lets it tell again what it has told within a week           |

A letter that is tried again has its effect, or says why not. What is given up for good stays listed: an event that had
no effect is not forgotten. What is told again has the same ids, so who has heard it before does nothing; it is for a
broker that has lost what it had.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.chassis.engines import open_engines
from services.chassis.errors import StartupError
from services.chassis.events.inbox import DeadLetter, ask_for_retry, dead_letters
from services.chassis.events.outbox import backlog, resend
from services.chassis.settings import Settings

_USAGE: Final = "usage: dead-letters [retry [<event id>]], or outbox [resend]"
_BAD_ARGUMENTS: Final = 2


def answer(settings: Settings, arguments: Sequence[str]) -> tuple[int, list[str]]:
    """The exit code, and the lines to print.

    Args:
        settings: of the service.
        arguments: what stands behind the name of the module.

    Raises:
        StartupError: the database cannot be used, or the service has never run with it.
    """
    try:
        return _answer(settings, arguments)
    except SQLAlchemyError as error:
        raise StartupError(f"the database cannot be used: {getattr(error, 'orig', error)}") from error


def _answer(settings: Settings, arguments: Sequence[str]) -> tuple[int, list[str]]:
    match arguments:
        case ["dead-letters"]:
            return 0, _listed(settings)
        case ["dead-letters", "retry"]:
            return 0, [_asked(settings, None)]
        case ["dead-letters", "retry", event_id]:
            return 0, [_asked(settings, event_id)]
        case ["outbox"]:
            return 0, [_waiting(settings)]
        case ["outbox", "resend"]:
            with open_engines(settings.database_url).writer.begin() as connection:
                return 0, [f"{resend(connection)} to be told again"]
        case _:
            return _BAD_ARGUMENTS, [_USAGE]


def _listed(settings: Settings) -> list[str]:
    with open_engines(settings.database_url).reader.begin() as connection:
        return [_line(letter) for letter in dead_letters(connection)] or ["no dead letters"]


def _waiting(settings: Settings) -> str:
    with open_engines(settings.database_url).reader.begin() as connection:
        waiting = backlog(connection)
    if waiting.since is None:
        return "no event waits to be told"
    return f"{waiting.events} wait to be told, the oldest since {waiting.since:%Y-%m-%d %H:%M:%S} UTC"


def _asked(settings: Settings, event_id: str | None) -> str:
    with open_engines(settings.database_url).writer.begin() as connection:
        return f"{ask_for_retry(connection, event_id)} to be tried again"


def _line(letter: DeadLetter) -> str:
    kind, subject = letter.headers.get("ce-type", "?"), letter.headers.get("ce-subject", "")
    again = ", to be tried again" if letter.retry_asked else ""
    return (
        f"{letter.given_up_at:%Y-%m-%d %H:%M:%S}  {letter.subscription}  {kind}  {subject}  {letter.event_id}  "
        f"attempts {letter.attempts}{again}: {letter.reason}"
    )
