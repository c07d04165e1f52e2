"""What is mutated, what is left out, and which are drawn."""

from __future__ import annotations

import pytest

from tests.mutants.mutations import Mutable
from tests.mutants.sampling import sample


def mutants(source: str) -> list[str]:
    """What becomes of the first line that is changed, for each mutant."""
    mutable = Mutable("module.py", source)
    changes = [mutable.change(mutant) for mutant in mutable.mutants]
    return [change.becomes for change in changes if change is not None]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a = b < c\n", ["a = None", "a = b <= c"]),
        ("f(a, b)\n", ["f(None, b)", "f(a, None)", "f(b)", "f(a, )"]),
        ("if not a:\n    f()\n", ["if a:"]),
        ("raise E(code, 'what went wrong')\n", ["raise E(None, 'what went wrong')", "raise E('what went wrong')"]),
    ],
)
def test_a_place_becomes_what_the_operators_make_of_it(source: str, expected: list[str]) -> None:
    assert mutants(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring, 1 < 2."""\n',
        "def f(a: 'int' = a) -> Literal[1]:\n    'A docstring.'\n",
        "if TYPE_CHECKING:\n    a = 1\n",
        "_log.info('so many: %d', 1 + 1)\n",
        "_log = logging.getLogger(__name__)\n",
        "raise E(f'{1 + 1} were too many')\n",
        "__slots__ = ('a', 'b')\n",
        "assert 1 < 2\n",
        "@dataclass(frozen=True)\nclass C:\n    pass\n",
        "class C(Protocol):\n    a = 1\n",
        "A: TypeAlias = 1 | 2\n",
        "len(a)\n",
        "isinstance(a, (b, c))\n",
    ],
)
def test_what_has_no_behaviour_is_left_out(source: str) -> None:
    assert mutants(source) == []


def test_the_strictness_of_a_zip_is_an_assertion() -> None:
    assert mutants("zip(a, b, strict=True)\n") == [
        "zip(None, b, strict=True)",
        "zip(a, None, strict=True)",
        "zip(b, strict=True)",
        "zip(a, strict=True)",
    ]


def test_a_mutant_is_where_its_statement_begins_and_ends_where_the_change_does() -> None:
    source = "def f(\n    a=1,\n):\n    return g(\n        a,\n        b < c,\n    )\n"

    places = {(m.operator, m.first_line, m.last_line) for m in Mutable("module.py", source).mutants}

    assert places == {("number", 1, 2), ("arg_removal", 4, 7), ("swap_op", 4, 6)}


def test_the_same_seed_draws_the_same_mutants_and_another_one_draws_others() -> None:
    every = Mutable("module.py", "".join(f"a{n} = b < {n}\n" for n in range(100))).mutants

    assert sample(every, 20, seed=7) == sample(every, 20, seed=7)
    assert sample(every, 20, seed=7) != sample(every, 20, seed=8)


def test_each_file_gives_mutants_by_its_share() -> None:
    small = Mutable("small.py", "a = b < c\n" * 10).mutants
    large = Mutable("large.py", "a = b < c\n" * 90).mutants

    drawn = sample([*small, *large], 20, seed=7)

    assert len(set(drawn)) == 20
    assert sum(mutant.file == "small.py" for mutant in drawn) == 2


def test_all_are_tried_where_there_are_no_more_than_asked_for() -> None:
    every = Mutable("module.py", "a = b < c\n").mutants

    assert sample(every, 100, seed=1) == every
