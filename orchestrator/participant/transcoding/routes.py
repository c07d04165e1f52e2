"""Which rpc a call of HTTP is for: the rules of all rpcs that a server answers by."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.participant.transcoding.bindings import Binding
from orchestrator.participant.transcoding.errors import RuleError
from orchestrator.participant.transcoding.rules import Rule


@dataclass(frozen=True, slots=True)
class Route:
    """What a call is for.

    Attributes:
        rule: the rule of its rpc.
        binding: the one of its bindings that fits.
        values: of the variables of the path, unescaped.
    """

    rule: Rule
    binding: Binding
    values: dict[str, str]


class Routes:
    """The rules of all rpcs that a server answers by; of two that fit, the one that says more of the path is meant.

    Raises:
        RuleError: two rpcs have the same method and path.
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        found = [(binding, rule) for rule in rules for binding in rule.bindings]
        self._all = sorted(found, key=lambda each: each[0].template.order)
        taken: dict[tuple[str, str], Rule] = {}
        for binding, rule in self._all:
            other = taken.setdefault((binding.verb, binding.template.shape), rule)
            if other is not rule:
                told = f"has the same path as that of {other.method.full_name}: {binding.template.text}"
                raise RuleError(rule.method.full_name, told)

    def find(self, verb: str, path: str) -> Route | None:
        """What a call is for; ``None`` where it is for none of them.

        Args:
            verb: the method of HTTP.
            path: escaped.

        Raises:
            UnicodeDecodeError: what is escaped is not UTF-8.
        """
        for binding, rule in self._all:
            if binding.verb in (verb, "*"):
                values = binding.template.match(path)
                if values is not None:
                    return Route(rule, binding, values)
        return None

    def verbs(self, path: str) -> frozenset[str]:
        """The methods of HTTP by which a path is answered; none where it is not known."""
        try:
            return frozenset(binding.verb for binding, _ in self._all if binding.template.match(path) is not None)
        except UnicodeDecodeError:
            return frozenset()
