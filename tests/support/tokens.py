"""The local operator's token of orchestrators that tests start: it is there before they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

TOKEN: Final = "saga_of-the-local-operator-of-the-tests"
AUTHORIZATION: Final = ("authorization", f"Bearer {TOKEN}")
"""The metadata with it."""


def keep_token(folder: Path, token: str = TOKEN) -> None:
    """Let it be the token of a state folder, where the folder has none."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "token"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(f"{token}\n")
