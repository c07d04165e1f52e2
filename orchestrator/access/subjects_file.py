"""The file that names the subjects with a token or a client certificate, and says what each of them may do.

::

    alice:
      sha256: 5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8   # of her token; or a list of several
      roles: [operator]
    acme-checkout:
      certificate: spiffe://acme.example/checkout      # a name in its verified client certificate; or a list
      roles: [starter]
      definitions: [place_order]                       # no other sagas; without this line, all
      attributes: {tenant: acme}                       # no other sagas than those with this attribute
      expires_at: 2027-01-01T00:00:00Z                 # from then on, its credentials are refused
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from orchestrator.access.fingerprints import fingerprint, is_fingerprint
from orchestrator.access.subject import Subject, narrowed_to, refuse_no_name, roles_named
from orchestrator.errors import NotAuthenticated, SettingsError
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.contract.access import Role

TOKEN: Final = "token file"  # noqa: S105 - the name of an authority
CERTIFICATE: Final = "certificate"

_KEYS: Final = frozenset({"sha256", "certificate", "roles", "definitions", "attributes", "expires_at"})
_NANOSECONDS: Final = 1_000_000_000


class _Entry(NamedTuple):
    """What the file says of one subject; ``expires_at`` in nanoseconds since the epoch, 0 for never."""

    name: str
    roles: frozenset[Role]
    narrowed: dict[str, Any]
    expires_at: int

    def subject(self, authority: str, now: int) -> Subject:
        """Raises: NotAuthenticated: it has expired."""
        if self.expires_at and now >= self.expires_at:
            raise NotAuthenticated("TOKEN_EXPIRED", f"the credentials of {self.name} have expired; ask for new ones")
        return Subject(self.name, self.roles, authority, **self.narrowed)


@dataclass(frozen=True, slots=True)
class _Subjects:
    """The entries by the fingerprint of a token, and by a name in a certificate."""

    by_token: dict[str, _Entry] = field(default_factory=dict)
    by_certificate: dict[str, _Entry] = field(default_factory=dict)


class SubjectsFile:
    """The subjects of a file, which is read again when it changes.

    Args:
        path: the file.
        now: tells the time, nanoseconds since the epoch, UTC.

    Raises:
        SettingsError: it cannot be read; the message says what is wrong with it.
    """

    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        self._now = now
        try:
            self._file = WatchedFiles([path], lambda content: read_subjects(content.decode()), settled=True)
        except (OSError, ValueError) as error:
            raise SettingsError(f"ORCHESTRATOR_SUBJECTS: {path}: {error}") from None

    def refresh(self) -> None:
        """Read the file again where it has changed; it blocks."""
        self._file.refresh()

    def by_token(self, token: str) -> Subject | None:
        """The subject with this token.

        Raises:
            NotAuthenticated: the token has expired.
        """
        entry = self._file.content.by_token.get(fingerprint(token))
        return None if entry is None else entry.subject(TOKEN, self._now())

    def by_certificate(self, names: Iterable[str]) -> Subject | None:
        """The subject whose verified client certificate holds one of these names.

        Raises:
            NotAuthenticated: what the file says of it has expired.
        """
        for name in names:
            if entry := self._file.content.by_certificate.get(name):
                return entry.subject(CERTIFICATE, self._now())
        return None


def read_subjects(text: str) -> _Subjects:
    """What such a file says.

    Raises:
        ValueError: it is no such file; the message says where and why, and quotes no fingerprint.
    """
    try:
        said = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"it is no YAML{f', in line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(said, dict) or not said:
        raise ValueError("it names nobody; expected names, and under each its sha256 or certificate, and its roles")
    subjects = _Subjects()
    for name, about in said.items():
        try:
            _add(subjects, refuse_no_name(name), about)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return subjects


def _add(subjects: _Subjects, name: str, about: object) -> None:
    if not isinstance(about, dict):
        raise ValueError("expected its sha256 or certificate, and its roles")  # noqa: TRY004 - it is a wrong text
    if unknown := sorted(str(key) for key in about if key not in _KEYS):
        raise ValueError(f"{', '.join(unknown)} is not known here; there are: {', '.join(sorted(_KEYS))}")
    roles = roles_named(about.get("roles"))
    narrowed = narrowed_to(about.get("definitions", []), about.get("attributes", {}))
    entry = _Entry(name, roles, narrowed, _instant(about.get("expires_at")))
    tokens, certificates = _texts(about, "sha256"), _texts(about, "certificate")
    if not tokens and not certificates:
        raise ValueError("it has neither sha256 nor certificate, so nobody could be it")
    if not all(map(is_fingerprint, tokens)):
        raise ValueError("sha256: expected 64 hexadecimal digits in lower case; `orchestrator token` prints them")
    for known, keys in ((subjects.by_token, tokens), (subjects.by_certificate, certificates)):
        for key in keys:
            if key in known:
                raise ValueError(f"its credentials are those of {known[key].name}, too")
            known[key] = entry


def _texts(about: dict[str, Any], key: str) -> list[str]:
    value = about.get(key, [])
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"{key}: expected a text, or a list of them")
    return texts


def _instant(value: object) -> int:
    if value is None:
        return 0
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("expires_at: expected an instant with its time zone, such as 2027-01-01T00:00:00Z")
    return int(value.timestamp()) * _NANOSECONDS
