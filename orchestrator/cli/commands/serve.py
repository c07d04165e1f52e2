"""``orchestrator serve``: run one replica, or be the parent of several."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from orchestrator.cli.loading.modules import load_application
from orchestrator.cli.loading.overlays import OverlayOption  # noqa: TC001 - typer reads the annotations
from orchestrator.cli.output.exit import errors_reported
from orchestrator.cli.output.form import OPTION, print_json_line, wants_json
from orchestrator.store.opening import known_urls, refuse_unshared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orchestrator.settings import Settings


_ListenOption = Annotated[str | None, typer.Option(help="host:port of the API.  \\[env: ORCHESTRATOR_LISTEN]")]
_ConsoleOption = Annotated[
    str | None,
    typer.Option(help="host:port of the web console, or nothing for none.  \\[env: ORCHESTRATOR_CONSOLE_LISTEN]"),
]
_JournalOption = Annotated[str | None, typer.Option(help=f"{known_urls()}  \\[env: ORCHESTRATOR_JOURNAL]")]
_EngineOption = Annotated[
    str | None,
    typer.Option(
        help="temporal://host:7233/namespace, in place of a journal of our own.  \\[env: ORCHESTRATOR_ENGINE]"
    ),
]
_SagasOption = Annotated[
    list[str] | None,
    typer.Option(help="A module or package with sagas; may be repeated.  \\[env: ORCHESTRATOR_SAGAS]"),
]
_ParticipantOption = Annotated[
    list[str] | None,
    typer.Option(
        help="full.service.Name=host:port, or =http://…; may be repeated.  \\[env: ORCHESTRATOR_PARTICIPANTS]"
    ),
]
_DriftOption = Annotated[
    bool | None,
    typer.Option(
        "--drift-check/--no-drift-check",
        help="Compare the contracts of live participants with those here.  \\[env: ORCHESTRATOR_DRIFT_CHECK]",
    ),
]
_ProcessesOption = Annotated[
    int | None,
    typer.Option(
        help="How many replicas share the port, each a process; more than one need a journal on PostgreSQL.  "
        "\\[env: ORCHESTRATOR_PROCESSES]"
    ),
]
_InsecureOption = Annotated[
    bool | None,
    typer.Option(
        "--insecure",
        help="Listen to a network without TLS, or with nobody known but the local operator.  "
        "\\[env: ORCHESTRATOR_INSECURE]",
    ),
]
_ReplicaOption = Annotated[int | None, typer.Option(hidden=True, help="Which of several it is; its parent says so.")]


def serve(
    *,
    listen: _ListenOption = None,
    console_listen: _ConsoleOption = None,
    journal: _JournalOption = None,
    engine: _EngineOption = None,
    sagas: _SagasOption = None,
    overlay: OverlayOption = None,
    participant: _ParticipantOption = None,
    drift_check: _DriftOption = None,
    processes: _ProcessesOption = None,
    insecure: _InsecureOption = None,
    replica: _ReplicaOption = None,
) -> None:
    """Run the orchestrator until SIGTERM or Ctrl-C."""
    # Imported here, so that no other command imports pydantic.
    from orchestrator.settings import read_settings  # noqa: PLC0415

    with errors_reported():
        settings = read_settings(
            listen=listen,
            console_listen=console_listen,
            journal=journal,
            engine=engine,
            sagas=tuple(sagas) if sagas else None,
            overlays=tuple(overlay) if overlay else None,
            participants=",".join(participant) if participant else None,
            drift_check=drift_check,
            processes=processes,
            insecure=insecure,
            log_format="json" if wants_json() else None,
        )
        if not settings.engine:
            refuse_unshared(settings.journal, settings.processes)
        if replica is None and settings.processes > 1:
            given = {
                "--journal": [journal],
                "--engine": [engine],
                "--sagas": sagas,
                "--overlay": overlay,
                "--participant": participant,
            }
            checks = {True: ["--drift-check"], False: ["--no-drift-check"], None: []}[drift_check]
            flags = [*(["--insecure"] if insecure else []), *([OPTION] if wants_json() else [])]
            _become_parent(settings, ["serve", *_arguments(given), *checks, *flags])
        _serve(settings if replica is None else settings.of_replica(replica), replica)


def _arguments(given: Mapping[str, Iterable[object] | None]) -> Iterator[str]:
    """The options of a command line, as they were given."""
    for name, values in given.items():
        for value in values or ():
            if value is not None:
                yield from (name, str(value))


def _serve(settings: Settings, replica: int | None) -> None:
    """Run one replica in this process."""
    # Imported here, so that `generate` runs while stubs do not fit the sagas.
    import uvloop  # noqa: PLC0415

    from orchestrator.bootstrap.serving import serve as run  # noqa: PLC0415
    from orchestrator.cli.processes.child import ParentProcess  # noqa: PLC0415
    from orchestrator.observability.logs import configure_logs  # noqa: PLC0415

    application = load_application(settings.sagas, settings.overlays)
    configure_logs(settings.log_level, replica, settings.log_format)
    parent = None if replica is None else ParentProcess()
    listening = print_json_line if wants_json() else _say_nothing
    uvloop.run(run(settings, application.definitions, application.servicers, parent, application.pages, listening))


def _say_nothing(_addresses: object) -> None:
    """The log says it."""


def _become_parent(settings: Settings, arguments: list[str]) -> NoReturn:
    """Let this process be the parent of several replicas, and nothing else any more: nothing that it imported is left.

    Args:
        settings: of each of them.
        arguments: of the command line of ``orchestrator``, for each of them.
    """
    # A drain waits for the answers to customers, then for those of participants; the rest is for the last spans.
    patience = 2 * settings.drain_seconds + 10
    logs = settings.log_level, settings.log_format
    numbers = (str(settings.processes), settings.listen, settings.console_listen, str(patience), *logs)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-m", "orchestrator.cli.processes", *numbers, *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - it is this Python
