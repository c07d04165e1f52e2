"""From files to what the connections to participants are secured with; refuses commands that a network could read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.channels.grpc.credentials import Security
from orchestrator.connections.tls import open_client_tls, open_token
from orchestrator.contract.addresses import GRPC, HTTP, connected_to, is_loopback, split_scheme
from orchestrator.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

_log = logging.getLogger(__name__)

_PREFIX: Final = "ORCHESTRATOR_PARTICIPANT_TLS_"


class SecurityFiles(NamedTuple):
    """Where what secures the connections to participants is kept.

    Attributes:
        ca: the file of the authorities whose certificates participants must have; ``None`` for no TLS.
        certificate: the file of the certificate that is shown to them.
        key: the file of its key.
        names: for whom a participant's certificate is, by the full name of a service, where it is not for its host.
        tokens: the file of the token that is sent to a participant, by the full name of a service.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    names: Mapping[str, str] = {}
    tokens: Mapping[str, Path] = {}


def open_security(files: SecurityFiles, where: Mapping[str, str], *, insecure: bool) -> Security:
    """What the connections to participants are secured with.

    Args:
        files: where it is kept.
        where: the address of each service, by its full name.
        insecure: commands may go over a network without TLS all the same; that is logged.

    Raises:
        SettingsError: a file cannot be used, no saga uses a service that is named, or a network could read commands.
    """
    for variable, named in (("TLS_NAMES", files.names), ("TOKENS", files.tokens)):
        if unused := sorted(set(named) - set(where)):
            raise SettingsError(f"ORCHESTRATOR_PARTICIPANT_{variable}: no saga uses {', '.join(unused)}")
    names = {connected_to(where[service]): name for service, name in files.names.items()}
    tls = open_client_tls(files.ca, files.certificate, files.key, names, prefix=_PREFIX)
    # What each scheme sends in the clear: gRPC all or nothing, HTTP what does not say https.
    readable = {HTTP} if tls is not None else {HTTP, GRPC}
    _refuse_readable(where, readable, insecure=insecure)
    tokens = {
        service: open_token(path, variable="ORCHESTRATOR_PARTICIPANT_TOKENS") for service, path in files.tokens.items()
    }
    return Security(tls, tokens)


def _refuse_readable(where: Mapping[str, str], readable: AbstractSet[str], *, insecure: bool) -> None:
    away = [
        f"{service}={address}"
        for service, address in where.items()
        if split_scheme(address)[0] in readable and not is_loopback(address)
    ]
    if not away:
        return
    if insecure:
        _log.warning("INSECURE: commands go over a network without TLS, to %s", ", ".join(away))
        return
    raise SettingsError(
        f"ORCHESTRATOR_PARTICIPANTS: commands would go over a network without TLS, to {', '.join(away)}; set "
        f"{_PREFIX}CA, and https:// for an address with http://; or say --insecure (ORCHESTRATOR_INSECURE=true) where "
        "the network itself is safe"
    )
