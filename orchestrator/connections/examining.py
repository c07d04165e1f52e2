"""Which certificates end soon, or cannot be used: for ``orchestrator doctor``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from orchestrator.participant.security.certificates import certificates_in
from orchestrator.ports.findings import error, fine, warning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from orchestrator.participant.security.certificates import Certificate
    from orchestrator.ports.findings import Finding

_SOON: Final = timedelta(days=30)
_VERY_SOON: Final = timedelta(days=7)
_RENEW: Final = "put another one in its place; it is read without a restart"


def examine_certificates(files: Mapping[str, Path], now: datetime) -> list[Finding]:
    """Look at each file: one finding for each, about the certificate in it that ends first.

    Args:
        files: the files of certificates, by the variable that names each.
        now: aware.
    """
    return [_examined(variable, path, now) for variable, path in files.items()]


def judged(about: str, certificate: Certificate, now: datetime) -> Finding:
    """A finding about when a certificate ends."""
    whose, left = ", ".join(certificate.names) or "nobody", certificate.ends_at - now
    what = f"the certificate of {whose} ends on {certificate.ends_at:%Y-%m-%d}, in {max(left.days, 0)} days"
    try:
        certificate.refuse_at(now)
    except ValueError as refused:
        return error(about, str(refused), _RENEW)
    if left < _VERY_SOON:
        return error(about, what, _RENEW)
    return warning(about, what, _RENEW) if left < _SOON else fine(about, what)


def _examined(variable: str, path: Path, now: datetime) -> Finding:
    try:
        found = certificates_in(path.read_bytes())
    except (OSError, ValueError) as failed:
        return error(variable, f"{path}: {getattr(failed, 'strerror', None) or failed}", "name a file in PEM")
    return judged(variable, min(found, key=lambda each: each.ends_at), now)
