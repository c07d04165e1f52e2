"""Where the commands of participants are published: ``nats://host:4222/prefix``, ``tls://host:4222/prefix``."""

from __future__ import annotations

from typing import Final, NamedTuple

from orchestrator.connections.nats_security import NatsServer
from orchestrator.contract.addresses import TLS, split_address
from orchestrator.errors import SettingsError
from orchestrator.participant.queued.subjects import DEFAULT_PREFIX, Subjects

_DEFAULT_PORT: Final = 4222


class NatsAddress(NamedTuple):
    """A server, and the names below a prefix there.

    Attributes:
        server: where it is.
        subjects: the names.
    """

    server: NatsServer
    subjects: Subjects

    @classmethod
    def parse(cls, scheme: str, target: str) -> NatsAddress:
        """The address behind a scheme.

        Raises:
            SettingsError: it is none.
        """
        place, _, prefix = target.partition("/")
        host, port = split_address(place)
        if not host or "@" in place or (port and not port.isdecimal()):
            raise SettingsError(
                f"{scheme}://{target} is no address of NATS; expected {scheme}://host:4222/prefix, where a login is in "
                "the file that ORCHESTRATOR_NATS_LOGIN names"
            )
        written = f"[{host}]" if ":" in host else host
        try:
            subjects = Subjects(prefix.strip("/") or DEFAULT_PREFIX)
        except ValueError as error:
            raise SettingsError(f"{scheme}://{target}: {error}") from None
        return cls(NatsServer(f"{written}:{port or _DEFAULT_PORT}", encrypted=scheme == TLS), subjects)
