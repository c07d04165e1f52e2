"""The token of the local operator: a person who may read the state folder may do everything.

It is made at the first start where no other way to be known is configured, and stays. The command line finds it by
itself, in the same folder, so that on one machine nobody is asked for anything and nobody acts unknown. Its file is
for its owner alone, as the journal beside it should be.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.access.fingerprints import fingerprint, new_token
from orchestrator.access.sign_in_code import refuse_code
from orchestrator.access.subject import Subject
from orchestrator.contract.access import Role
from orchestrator.errors import SettingsError
from orchestrator.participant.security.watched_files import WatchedFiles

if TYPE_CHECKING:
    from pathlib import Path

LOCAL: Final = "local token"
FILE: Final = "token"
"""Its file in the state folder."""


class _Token(NamedTuple):
    """The token, and by what it is recognised."""

    text: str
    fingerprint: str

    def __repr__(self) -> str:
        return "_Token()"  # a token is shown nowhere


class LocalToken:
    """The one token of a state folder.

    Args:
        folder: the state folder.
        name: what the journal calls the operator.

    Raises:
        SettingsError: the file can neither be made nor read.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._subject = Subject(name, frozenset({Role.ADMIN}), LOCAL)
        path = folder / FILE
        try:
            _make(path)
            self._file = WatchedFiles([path], lambda content: _token_in(content.decode()), settled=True)
        except (OSError, ValueError) as error:
            raise SettingsError(f"the local operator's token cannot be kept in {path}: {error}") from None

    def refresh(self) -> None:
        """Read the file again where it has changed; it blocks."""
        self._file.refresh()

    def by_token(self, token: str) -> Subject | None:
        """The local operator, where it is their token."""
        return self._subject if fingerprint(token) == self._file.content.fingerprint else None

    def by_code(self, code: str, now: int) -> str:
        """The token for which a code stands that a link has brought.

        Raises:
            NotAuthenticated: it stands for none now.
        """
        refuse_code(code, self._file.content.text, now)
        return self._file.content.text


def _make(path: Path) -> None:
    """Make the file where there is none. Replicas that start side by side make one."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{FILE}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600, exist_ok=False)  # for its owner alone, before it holds anything
    draft.write_text(f"{new_token()}\n")
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)  # whole, or not at all
    draft.unlink()


def _token_in(text: str) -> _Token:
    token = text.strip()
    if not token:
        raise ValueError("it is empty; remove it, and start again")
    return _Token(token, fingerprint(token))
