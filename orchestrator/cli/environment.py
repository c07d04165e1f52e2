"""Looks at the environment for settings that nobody reads: a name that is mistyped sets nothing, silently."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from orchestrator.ports.findings import fine, warning
from orchestrator.settings import PREFIX, variables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.ports.findings import Finding

_OF_THE_COMMAND_LINE: Final = frozenset(
    {"ORCHESTRATOR_ADDRESS", "ORCHESTRATOR_TOKEN"}
    | {f"ORCHESTRATOR_CLIENT_TLS_{name}" for name in ("CA", "CERTIFICATE", "KEY", "NAME")}
)
_ALIKE: Final = 0.75


def examine_environment(names: Iterable[str]) -> Finding:
    """Whether something reads each variable that looks like a setting.

    Args:
        names: of the variables that are set.
    """
    known = variables() | _OF_THE_COMMAND_LINE
    # The settings are read from small letters, too.
    unread = sorted(name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known)
    if not unread:
        return fine("settings", f"every variable {PREFIX}… that is set here is read")
    meant = [f"{name}, perhaps meant as {near}" if (near := _near(name, known)) else name for name in unread]
    advice = "correct the name, or remove the variable; orchestrator/cli/README.md lists the settings"
    return warning("settings", f"nobody reads {'; '.join(meant)}", advice)


def _near(name: str, known: Iterable[str]) -> str:
    told = {each.removeprefix(PREFIX): each for each in known}
    close = difflib.get_close_matches(name.upper().removeprefix(PREFIX), told, n=1, cutoff=_ALIKE)
    return told[close[0]] if close else ""
