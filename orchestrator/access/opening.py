"""Chooses the ways to be known, as the settings say, and refuses doors that would be open to a network.

=====================  ==============================================  ==========================================
where calls come from  nothing is configured                           subjects or signed tokens are configured
=====================  ==============================================  ==========================================
this machine alone     the local operator's token, made by itself      these, and no local token
a network              refused, but for ``insecure``                   refused without TLS, but for ``insecure``
=====================  ==============================================  ==========================================

``insecure`` opens no door: without a token nobody gets in. It lets tokens be read on the way.
"""

from __future__ import annotations

import getpass
import logging
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.access.authentication import Authentication
from orchestrator.access.local_token import LocalToken
from orchestrator.access.signed_tokens import SignedTokens, TokenRules
from orchestrator.access.subjects_file import SubjectsFile
from orchestrator.access.trusted_keys import trusted_keys
from orchestrator.errors import SettingsError
from orchestrator.participant.security.exposure import is_exposed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)


class AccessSettings(NamedTuple):
    """How callers are known.

    Attributes:
        state_dir: where the local operator's token lies, if there is one.
        subjects: the file that names subjects; ``None`` for none.
        keys: the file or the URL of the keys that sign tokens; empty for none.
        rules: which of these tokens are believed.
    """

    state_dir: Path
    subjects: Path | None = None
    keys: str = ""
    rules: TokenRules = TokenRules("", "")

    @property
    def is_configured(self) -> bool:
        """Whether somebody has said who may do what."""
        return self.subjects is not None or bool(self.keys)


def open_authentication(settings: AccessSettings, now: Callable[[], int]) -> Authentication:
    """Every way to be known that the settings name; without any, the local operator's token.

    Args:
        settings: how callers are known.
        now: tells the time, nanoseconds since the epoch, UTC.

    Raises:
        SettingsError: a file cannot be read, or signed tokens are to be believed from anybody or for anybody.
    """
    if settings.keys and not (settings.rules.issuer and settings.rules.audience):
        raise SettingsError(
            "ORCHESTRATOR_JWT_KEYS needs ORCHESTRATOR_JWT_ISSUER and ORCHESTRATOR_JWT_AUDIENCE beside it: without "
            "them, the tokens of any other system of the same provider would be believed"
        )
    file = SubjectsFile(settings.subjects, now) if settings.subjects else None
    signed = SignedTokens(trusted_keys(settings.keys), settings.rules, now) if settings.keys else None
    if settings.is_configured:
        return Authentication(file, signed)
    return Authentication(local=LocalToken(settings.state_dir, _user()))


def refuse_exposed(
    listen: str,
    settings: AccessSettings,
    *,
    encrypted: bool,
    insecure: bool,
    variable: str = "ORCHESTRATOR_LISTEN",
) -> None:
    """Refuse an address that a network reaches where calls could be read there, or nobody is known but the operator.

    Args:
        listen: ``host:port`` of the API or of the console.
        settings: how callers are known.
        encrypted: calls come over TLS.
        insecure: the operator wants it all the same; that is logged.
        variable: the setting that says the address.

    Raises:
        SettingsError: it is refused; the message says what to set.
    """
    if not is_exposed(listen) or (encrypted and settings.is_configured):
        return
    missing = [*([] if encrypted else ["TLS"]), *([] if settings.is_configured else ["a way to know who calls"])]
    if insecure:
        _log.warning("INSECURE: %s can be reached over a network, without %s", listen, " and without ".join(missing))
        return
    raise SettingsError(
        f"{variable}: {listen} can be reached over a network, without {' and without '.join(missing)}; "
        "set ORCHESTRATOR_SUBJECTS or ORCHESTRATOR_JWT_KEYS and use TLS, listen on 127.0.0.1, or say --insecure "
        "(ORCHESTRATOR_INSECURE=true) where the network itself is safe"
    )


def _user() -> str:
    """The name of the user, as far as the system knows it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return "operator"
