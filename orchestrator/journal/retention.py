"""How long sagas are kept that have ended, and what becomes of them then.

A rule is for one definition, or for every one, and for one way to end; that of the definition itself goes first. What
no rule is for, is kept for ever.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from orchestrator.journal.state import ENDED, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ANY: Final = "*"
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RULE: Final = re.compile(r"(?P<definition>[^:=\s]+):(?P<status>\w+)=(?P<number>\d+)(?P<unit>[smhd]):(?P<action>\w+)")
TAKES: Final = (
    "definition:status=age:action, with completed, compensated or partially_compensated, an age in s, m, h or d, and "
    "archive or delete, such as place_order:completed=30d:archive or *:compensated=90d:delete"
)
"""What :func:`parse_rule` takes, in words."""


class Action(enum.Enum):
    """What becomes of a saga that is old enough."""

    ARCHIVE = "archive"
    DELETE = "delete"


class Rule(NamedTuple):
    """For how long sagas are kept.

    Attributes:
        definition: of which; ``*`` for every one.
        status: how they have ended.
        age: nanoseconds from their end.
        action: what becomes of them then: written into a file and deleted, or deleted.
    """

    definition: str
    status: Status
    age: int
    action: Action

    def __str__(self) -> str:
        """As :func:`parse_rule` takes it."""
        seconds = self.age // 1_000_000_000
        unit = next(unit for unit in "dhms" if seconds % _SECONDS[unit] == 0)
        status = self.status.name.lower()
        return f"{self.definition}:{status}={seconds // _SECONDS[unit]}{unit}:{self.action.value}"


def parse_rule(text: str) -> Rule:
    """The rule that a text says.

    Raises:
        ValueError: it says none.
    """
    found = _RULE.fullmatch(text)
    status = next((each for each in ENDED if found and each.name.lower() == found["status"]), None)
    action = next((each for each in Action if found and each.value == found["action"]), None)
    if found is None or status is None or action is None:
        raise ValueError(f"{text!r} is no rule; expected {TAKES}")
    return Rule(found["definition"], status, int(found["number"]) * _SECONDS[found["unit"]] * 1_000_000_000, action)


class Rules:
    """All rules, by what they are for.

    Args:
        rules: no two of one definition and one status.

    Raises:
        ValueError: two are.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules: Mapping[tuple[str, Status], Rule] = _by_what(rules)

    def __iter__(self) -> Iterator[Rule]:
        """Each rule."""
        return iter(self._rules.values())

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._rules)

    def find(self, definition: str, status: Status) -> Rule | None:
        """The rule for sagas of this definition that ended so, if there is one."""
        return self._rules.get((definition, status)) or self._rules.get((ANY, status))

    def due(self, definition: str, status: Status, ended_at: int, now: int) -> Rule | None:
        """The same, where such a saga which ended then is old enough; instants are nanoseconds since the epoch."""
        rule = self.find(definition, status)
        return rule if rule is not None and ended_at <= now - rule.age else None


def _by_what(rules: Iterable[Rule]) -> Mapping[tuple[str, Status], Rule]:
    found: dict[tuple[str, Status], Rule] = {}
    for rule in rules:
        what = rule.definition, rule.status
        if what in found:
            raise ValueError(f"{rule} and {found[what]} are for the same sagas")
        found[what] = rule
    return found
