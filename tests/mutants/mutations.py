"""The mutants of a source text.

The operators are mutmut's (https://github.com/boxed/mutmut): ``mutmut.mutation.mutators.mutation_operators``, which
maps a node of a syntax tree to what it may become. Compared were, in November 2026:

- mutmut 3.8: ten releases in the last two years; mutates also what a call is given, what a name is bound to and
  which cases a match has, and it is there that our own survivors were found. Its runner is not used: it forks
  processes that have imported the program, and gRPC does not survive that.
- cosmic-ray 8.7: six releases; it mutates a text without its runner just as well, but it knows operators, numbers,
  loops, exceptions and decorators only, and of the comparisons that it makes out of each, most cannot differ.

So everything here but the operators is ours, and little: which nodes are left out, and where a mutant is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tests.mutants.left_out import is_left_out, takes_away_only_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from libcst.metadata import CodeRange

_PREFIX: Final = "operator_"


class Mutant(NamedTuple):
    """A source text in which one thing is otherwise.

    Attributes:
        file: the file, relative to the root.
        number: which mutant of the file it is, from 0.
        operator: the kind of change.
        first_line: the line on which the statement begins, from 1.
        last_line: the line on which what is changed ends.
    """

    file: str
    number: int
    operator: str
    first_line: int
    last_line: int

    @property
    def name(self) -> str:
        """What it is called in a report."""
        return f"{self.file}:{self.first_line} {self.operator} #{self.number}"


class Change(NamedTuple):
    """What a mutant is.

    Attributes:
        code: the whole mutated text.
        line: the first line that is changed, without its indentation.
        becomes: what stands there instead.
    """

    code: str
    line: str
    becomes: str


class Mutable:
    """A source text, parsed once.

    Attributes:
        lines: its lines.
        mutants: everything that it may become, in the order of the text.
    """

    def __init__(self, file: str, source: str) -> None:
        self._source = source
        self.lines = source.splitlines()
        wrapper = MetadataWrapper(cst.parse_module(source))
        visitor = _Visitor(wrapper)
        wrapper.module.visit(visitor)
        self._module = wrapper.module
        self._nodes = [(before, after) for _, _, _, before, after in visitor.found]
        self.mutants = [
            Mutant(file, number, operator, first, last)
            for number, (operator, first, last, _, _) in enumerate(visitor.found)
        ]

    def change(self, mutant: Mutant) -> Change | None:
        """What the mutant is; None where Python would not read it, or nothing is changed."""
        before, after = self._nodes[mutant.number]
        mutated = self._module.deep_replace(before, after)
        assert isinstance(mutated, cst.Module)
        if mutated.code == self._source or not _is_python(mutated.code):
            return None
        return Change(mutated.code, *_first_difference(self._source, mutated.code))


class _Visitor(cst.CSTVisitor):
    """Collects what the operators make of each node."""

    def __init__(self, wrapper: MetadataWrapper) -> None:
        super().__init__()
        self._positions = wrapper.resolve(PositionProvider)
        self._statements: list[cst.CSTNode] = []
        self.found: list[tuple[str, int, int, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if is_left_out(node):
            return False
        if isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            self._statements.append(node)
        position = self._positions.get(node)
        if position is not None:
            self.found.extend(self._mutations(node, position))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if self._statements and self._statements[-1] is original_node:
            self._statements.pop()

    def _mutations(
        self, node: cst.CSTNode, position: CodeRange
    ) -> Iterator[tuple[str, int, int, cst.CSTNode, cst.CSTNode]]:
        statement = self._positions[self._statements[-1]] if self._statements else position
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                name = operator.__name__.removeprefix(_PREFIX)
                for after in operator(node):
                    if not takes_away_only_words(node, after):
                        yield name, statement.start.line, position.end.line, node, after


def _is_python(code: str) -> bool:
    try:
        compile(code, "mutant", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _first_difference(source: str, mutated: str) -> tuple[str, str]:
    before, after = [*source.splitlines(), ""], [*mutated.splitlines(), ""]
    row = next(row for row, line in enumerate(before) if line != after[row])
    return before[row].strip(), after[row].strip()
