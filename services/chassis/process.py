"""Runs one service as one process, from its settings to its exit code.

| exit code | when                                                                         |
|-----------|------------------------------------------------------------------------------|
| 0         | SIGTERM or SIGINT; calls in flight have finished or the drain period is over |
| 1         | it cannot start: its port is in use, its database cannot be used             |
| 2         | a setting cannot be used                                                     |

With arguments, it serves nothing, and answers as ``services.chassis.events.commands`` says. What it writes, its
user alone can read: its database holds card tokens and addresses.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import Final, NoReturn

from services.chassis.errors import StartupError
from services.chassis.events.commands import answer
from services.chassis.logs import configure_logs, one_line
from services.chassis.server import Service, serving
from services.chassis.settings import SettingsError, SettingsT, load_settings

_CANNOT_START: Final = 1
_BAD_SETTINGS: Final = 2
_OWNER_ALONE: Final = 0o077


def run(service: Service[SettingsT]) -> NoReturn:
    """Run ``service`` until a signal stops it, then exit."""
    sys.exit(_run(service))


def _run(service: Service[SettingsT]) -> int:
    try:
        settings = load_settings(service.settings, name=service.name, contract=service.contract)
    except SettingsError as error:
        return _complain(service, error, _BAD_SETTINGS)
    configure_logs(settings.log_level, settings.log_format)
    # SQLite makes files of its own beside the database, so the mode is not left to each place that makes a file.
    os.umask(_OWNER_ALONE)
    try:
        if arguments := sys.argv[1:]:
            code, lines = answer(settings, arguments)
            print("\n".join(map(one_line, lines)), file=sys.stderr if code else sys.stdout)
            return code
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve_until_signalled(service, settings))
    except StartupError as error:
        return _complain(service, error, _CANNOT_START)
    return 0


async def _serve_until_signalled(service: Service[SettingsT], settings: SettingsT) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(service, settings):
        await stop.wait()


def _complain(service: Service[SettingsT], error: Exception, code: int) -> int:
    print(one_line(f"{service.name}: {error}"), file=sys.stderr)  # noqa: T201 - the operator's one line
    return code


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - uvloop does not exist on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
