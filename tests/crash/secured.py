"""Certificates for the whole shop, which are exchanged while it runs, in the steps in which an operator does that.

First both authorities are trusted everywhere, then everybody shows a certificate of the second one, then the first one
is trusted no longer. Those who look on from outside, the tests, have an authority of their own, which is always
trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
import grpc.aio

from tests.crash.processes import CHANNEL_OPTIONS
from tests.support.certificate_files import Authority, Files, put

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tests.crash.processes import Connect

ORCHESTRATOR: Final = "orchestrator"


class Secured:
    """Who trusts whom in a shop.

    Args:
        folder: where the files are.
        services: the short names of the services.
    """

    def __init__(self, folder: Path, services: Iterable[str]) -> None:
        self._folder = folder
        self._first, self._second = Authority(folder / "first"), Authority(folder / "second")
        onlookers = Authority(folder / "onlookers")
        self._always = onlookers.pem()
        self._onlooker = onlookers.issue("onlooker")
        put(self._onlooker.ca, self._first.pem() + self._second.pem())
        self._files = {name: self._live(name) for name in (*services, ORCHESTRATOR)}
        self._callers = folder / "callers"
        put(self._callers, f"orchestrator certificate={ORCHESTRATOR}.shop.example\n".encode())
        self._trust(self._first)
        self._show(self._first)

    def trust_both(self) -> None:
        """The first step."""
        self._trust(self._first, self._second)

    def show_the_second(self) -> None:
        """The second step."""
        self._show(self._second)

    def trust_the_second(self) -> None:
        """The last step."""
        self._trust(self._second)

    def of_service(self, name: str) -> dict[str, str]:
        """The settings of a service."""
        prefix = f"{name.upper()}_"
        return self._files[name].environment(prefix) | {f"{prefix}TRUSTED_CALLERS": str(self._callers)}

    def of_orchestrator(self, full_names: Mapping[str, str]) -> dict[str, str]:
        """The settings of an orchestrator that calls these services, given by their short names."""
        files = self._files[ORCHESTRATOR]
        names = ",".join(f"{full}={name}.shop.example" for name, full in full_names.items())
        return {
            **files.environment("ORCHESTRATOR_"),
            **files.environment("ORCHESTRATOR_PARTICIPANT_"),
            "ORCHESTRATOR_PARTICIPANT_TLS_NAMES": names,
        }

    def connecting_to(self, name: str) -> Connect:
        """What opens a channel of an onlooker."""
        return _connecting(self._onlooker, self._onlooker.ca, name)

    def outdated(self, name: str) -> Connect:
        """What opens a channel of an orchestrator with a certificate of the first authority."""
        return _connecting(self._first.issue(f"{ORCHESTRATOR}.shop.example"), self._onlooker.ca, name)

    def _live(self, name: str) -> Files:
        return Files(*(self._folder / f"{name}.{kind}.pem" for kind in ("certificate", "key", "ca")))

    def _trust(self, *authorities: Authority) -> None:
        for files in self._files.values():
            put(files.ca, b"".join(each.pem() for each in authorities) + self._always)

    def _show(self, authority: Authority) -> None:
        for name, files in self._files.items():
            new = authority.issue(f"{name}.shop.example")
            put(files.certificate, new.certificate.read_bytes())
            put(files.key, new.key.read_bytes())


def _connecting(files: Files, ca: Path, name: str) -> Connect:
    def connect(address: str, interceptors: Sequence[grpc.aio.ClientInterceptor] = (), /) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(
            ca.read_bytes(), files.key.read_bytes(), files.certificate.read_bytes()
        )
        options = [*CHANNEL_OPTIONS, ("grpc.ssl_target_name_override", f"{name}.shop.example")]
        return grpc.aio.secure_channel(address, credentials, options=options, interceptors=interceptors)

    return connect
