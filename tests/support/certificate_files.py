"""Certificate authorities of the tests' own, and files of certificates that may be exchanged."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import grpc
import grpc.aio
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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

    def server(self) -> ssl.SSLContext:
        """A server that shows this certificate, speaks HTTP/2, and asks everybody for one of its authorities."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.ca))
        context.load_cert_chain(self.certificate, self.key)
        context.verify_mode = ssl.CERT_REQUIRED
        context.set_alpn_protocols(["h2"])
        return context

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
        chain = b"".join(each.bytes() for each in leaf.cert_chain_pems)
        return self._put(into or names[0].replace("/", "_"), leaf.private_key_pem.bytes(), chain)

    def certify(self, common_name: str, *names: x509.GeneralName) -> Files:
        """A certificate with this common name, and with alternative names of any kind, or none."""
        now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
        built = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(x509.load_pem_x509_certificate(self.pem()).subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=90))
        )
        if names:
            built = built.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signer = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        form = serialization.PrivateFormat.PKCS8
        key_pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        certificate = built.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return self._put(common_name, key_pem, certificate)

    def _put(self, stem: str, key: bytes, chain: bytes) -> Files:
        files = Files(*(self.folder / f"{stem}.{kind}.pem" for kind in ("certificate", "key", "ca")))
        put(files.key, key)
        put(files.certificate, chain)
        put(files.ca, self.pem())
        return files


def put(path: Path, content: bytes) -> None:
    """Write a file so that nobody reads half of it, as those do that exchange certificates."""
    draft = path.with_name(f".{path.name}")
    draft.write_bytes(content)
    draft.replace(path)
