"""The README pages of the repository, and the commands and snippets that they show."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]

_BLOCK: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
_INLINE: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_FILE: Final = re.compile(r"`([\w./]+\.\w+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page: the path of its page, from the root of the repository.
        line: the line of the page at which it begins, from 1.
        language: what follows the fence.
        code: its text.
        file: the file that the text before it names last; empty for none.
    """

    page: str
    line: int
    language: str
    code: str
    file: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Its commands; one may have several lines."""
        found, lines = [], ""
        for line in self.code.splitlines():
            lines += f"{line}\n"
            if not line.endswith("\\") and _is_closed(lines):
                found.append(lines.strip())
                lines = ""
        assert not lines, f"{self}: a command without an end"
        return found


@dataclass(frozen=True)
class Page:
    """A README.

    Attributes:
        path: from the root of the repository.
        text: all of it.
    """

    path: str
    text: str

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return (ROOT / self.path).parent

    @property
    def prose(self) -> str:
        """Its text without the blocks."""
        return _BLOCK.sub("", self.text)

    @property
    def inline(self) -> list[str]:
        """What its prose shows as code, on one line each."""
        return [" ".join(code.split()) for code in _INLINE.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        """Its links to files and headings of the repository."""
        return [link for link in _LINK.findall(self.prose) if "://" not in link]

    @property
    def anchors(self) -> set[str]:
        """Its headings, as links name them."""
        headings = _HEADING.findall(self.prose)
        return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}

    def blocks(self, *languages: str) -> Iterator[Block]:
        """Its blocks in these languages; in all of them where none is named."""
        for found in _BLOCK.finditer(self.text):
            if not languages or found[1] in languages:
                before = self.text[: found.start()]
                named = _FILE.findall(_BLOCK.sub("", before))
                yield Block(self.path, before.count("\n") + 1, found[1], found[2], named[-1] if named else "")

    def table(self, *head: str) -> list[list[str]]:
        """The cells of the rows of the one table with this head."""
        pattern = rf"^\| {re.escape(' | '.join(head))} \|\n\|[-|]+\|\n((?:\|.*\n)+)"
        [found] = re.findall(pattern, self.text, re.MULTILINE)
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in found.splitlines()]


def _is_closed(command: str) -> bool:
    """Every quotation in it ends."""
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True


def _pages() -> dict[str, Page]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {path: Page(path, (ROOT / path).read_text()) for path in sorted(listed.stdout.splitlines())}


PAGES: Final = _pages()
"""Every README of the repository, by its path."""
