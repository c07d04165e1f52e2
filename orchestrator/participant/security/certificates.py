"""Certificates in PEM: whose they are, when they end, and whether a key belongs to them.

A certificate is whose *names* it holds: its subject alternative names (DNS, URI, IP), and its common name only where it
has none of these, because an authority may let anybody choose that one. Of a chain, the first certificate is the one
that counts. Instants are aware and in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Iterator

_PEERS_KEPT: Final = 1024


class Certificate(NamedTuple):
    """What is asked of a certificate.

    Attributes:
        names: whose it is.
        begins_at: before that, it is not valid yet.
        ends_at: after that, it is valid no longer.
    """

    names: tuple[str, ...]
    begins_at: datetime
    ends_at: datetime

    def refuse_at(self, now: datetime) -> None:
        """Refuse a certificate that does not hold at an instant.

        Raises:
            ValueError: it is not valid yet, or no longer.
        """
        whose = ", ".join(self.names) or "nobody"
        if now > self.ends_at:
            raise ValueError(f"the certificate of {whose} ended on {self.ends_at:%Y-%m-%d at %H:%M} UTC")
        if now < self.begins_at:
            raise ValueError(f"the certificate of {whose} begins on {self.begins_at:%Y-%m-%d at %H:%M} UTC")


def certificates_in(pem: bytes) -> list[Certificate]:
    """The certificates of a file, in its order.

    Raises:
        ValueError: it holds none, or one that cannot be read.
    """
    return [_certificate(each) for each in _loaded(pem)]


def certificate_of(der: bytes) -> Certificate:
    """The certificate that a peer has shown, in DER.

    Raises:
        ValueError: it cannot be read.
    """
    return _certificate(x509.load_der_x509_certificate(der))


def names_now(pem: bytes) -> tuple[str, ...]:
    """The names in the certificate of a caller, which the server has verified; empty once it has ended.

    A handshake looks at a certificate once, and the connection may outlive it.
    """
    certificate = _of_peer(pem)
    if certificate is None or not certificate.begins_at <= datetime.now(UTC) <= certificate.ends_at:
        return ()
    return certificate.names


def has_ended(pem: bytes) -> bool:
    """Whether it is too late for the certificate of a caller, which the server has verified."""
    certificate = _of_peer(pem)
    return certificate is not None and datetime.now(UTC) > certificate.ends_at


@lru_cache(maxsize=_PEERS_KEPT)  # it is asked for on each call
def _of_peer(pem: bytes) -> Certificate | None:
    try:
        return certificates_in(pem)[0]
    except ValueError:
        return None


def refuse_unmatched(certificate: bytes, key: bytes) -> None:
    """Refuse a key, in PEM and without a password, that is not that of a certificate.

    Raises:
        ValueError: it is another one's, or cannot be read.
    """
    try:
        held = load_pem_private_key(key, password=None).public_key()
    except (TypeError, ValueError):
        raise ValueError("the key is no private key in PEM without a password") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if held.public_bytes(*form) != _loaded(certificate)[0].public_key().public_bytes(*form):
        raise ValueError("the key is not that of the certificate")


def _loaded(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError("there is no certificate in PEM") from None


def _certificate(loaded: x509.Certificate) -> Certificate:
    names = tuple(dict.fromkeys(_alternative(loaded))) or tuple(_common(loaded))
    return Certificate(names, loaded.not_valid_before_utc, loaded.not_valid_after_utc)


def _alternative(loaded: x509.Certificate) -> Iterator[str]:
    try:
        alternative = loaded.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from alternative.get_values_for_type(x509.DNSName)
    yield from alternative.get_values_for_type(x509.UniformResourceIdentifier)
    yield from map(str, alternative.get_values_for_type(x509.IPAddress))


def _common(loaded: x509.Certificate) -> Iterator[str]:
    for attribute in loaded.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        yield str(attribute.value)
