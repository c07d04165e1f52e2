"""Reads YAML with the line of each part, so that a mistake is told with its place.

PyYAML's own loader forgets the lines, and lets the later of two equal keys win in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import yaml

from orchestrator.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping

Path: TypeAlias = tuple[str | int, ...]
"""The keys and positions that lead to a part of a document."""


class Lines(NamedTuple):
    """A document, and the line of each of its parts.

    Attributes:
        document: as YAML's own types: mappings, lists, texts, numbers.
        of: the line of each part, counted from 1; of a value in a mapping, the line of its key.
    """

    document: Any
    of: Mapping[Path, int]

    def nearest(self, path: Path) -> int:
        """The line of a part or, of one that is not there, of the part around it."""
        while path not in self.of and path:
            path = path[:-1]
        return self.of.get(path, 1)


def read_yaml(text: str, file: str) -> Lines:
    """Read one document.

    Args:
        text: the content of the file.
        file: its name, for messages.

    Raises:
        ContractError: it is not YAML, or a key stands twice or has no value; the message starts with file and line.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            raise ContractError(f"{file}:1: it says nothing; start with `methods:`")
        reading = _Reading(loader, file)
        return Lines(reading.read(node, (), node.start_mark.line + 1), reading.lines)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(f"{file}:{line}: this is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ContractError(f"{file}:1: this is not YAML: {' '.join(str(error).split())}") from error


class _Reading:
    """Walks through the nodes of one document."""

    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self._loader = loader
        self._file = file
        self._open: list[yaml.Node] = []
        self.lines: dict[Path, int] = {}

    def read(self, node: yaml.Node, path: Path, line: int) -> Any:  # noqa: ANN401 - whatever the file holds
        """The value of a node; notes the lines of its parts."""
        self.lines[path] = line
        if node in self._open:
            raise ContractError(f"{self._file}:{line}: it contains itself; write it out")
        self._open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [
                    self.read(each, (*path, number), each.start_mark.line + 1) for number, each in enumerate(node.value)
                ]
            return self._loader.construct_object(node)
        finally:
            self._open.pop()

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in found:
                raise ContractError(f"{self._file}:{line}: `{key}` stands here twice; say it once")
            found[key] = self.read(value_node, (*path, key), line)
            if found[key] is None:
                raise ContractError(f"{self._file}:{line}: `{key}` has no value; give it one, or remove it")
        return found
