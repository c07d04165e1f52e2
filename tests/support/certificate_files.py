"""Certificate authorities of the tests' own, and files of certificates that may be exchanged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import grpc
import grpc.aio
import trustme

if TYPE_CHECKING:
    from pathlib import Path


class Files(NamedTuple):
    """A certificate with its chain, its key, and the authorities of the other side."""

    certificate: Path
    key: Path
    ca: Path

    def channel(self, address: str, server: str) -> grpc.aio.Channel:
        """A channel that shows this certificate, to a server whose certificate is for ``server``."""
        credentials = grpc.ssl_channel_credentials(
            self.ca.read_bytes(), self.key.read_bytes(), self.certificate.read_bytes()
        )
        options = [("grpc.ssl_target_name_override", server), ("grpc.enable_http_proxy", 0)]
        return grpc.aio.secure_channel(address, credentials, options=options)

    def environment(self, prefix: str) -> dict[str, str]:
        return {
            f"{prefix}TLS_CERTIFICATE": str(self.certificate),
            f"{prefix}TLS_KEY": str(self.key),
            f"{prefix}TLS_CA": str(self.ca),
        }


class Authority:
    """Issues certificates, and writes them into a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._ca = trustme.CA()

    def pem(self) -> bytes:
        return self._ca.cert_pem.bytes()

    def issue(self, *names: str, life: timedelta = timedelta(days=90), into: str = "") -> Files:
        """A certificate of these names that ends after ``life``, beside this authority as that of the other side."""
        now = datetime.now(UTC)
        leaf = self._ca.issue_cert(*names, not_before=now - timedelta(days=1), not_after=now + life)
        stem = into or names[0].replace("/", "_")
        files = Files(*(self.folder / f"{stem}.{kind}.pem" for kind in ("certificate", "key", "ca")))
        put(files.key, leaf.private_key_pem.bytes())
        put(files.certificate, b"".join(each.bytes() for each in leaf.cert_chain_pems))
        put(files.ca, self.pem())
        return files


def put(path: Path, content: bytes) -> None:
    """Write a file so that nobody reads half of it, as those do that exchange certificates."""
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(content)
    draft.replace(path)
