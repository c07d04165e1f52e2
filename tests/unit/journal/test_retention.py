"""The rules that say how long sagas are kept."""

from __future__ import annotations

import pytest

from orchestrator.journal.retention import Action, Rule, Rules, parse_rule
from orchestrator.journal.state import Status

HOUR = 3600 * 1_000_000_000


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("place_order:completed=30d:archive", Rule("place_order", Status.COMPLETED, 720 * HOUR, Action.ARCHIVE)),
        ("*:compensated=36h:delete", Rule("*", Status.COMPENSATED, 36 * HOUR, Action.DELETE)),
        (
            "a-b.c:partially_compensated=90m:delete",
            Rule("a-b.c", Status.PARTIALLY_COMPENSATED, HOUR * 3 // 2, Action.DELETE),
        ),
        ("buy:completed=0s:delete", Rule("buy", Status.COMPLETED, 0, Action.DELETE)),
    ],
)
def test_a_rule_is_read_and_told_in_the_same_words(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule
    assert parse_rule(str(rule)) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "buy",
        "buy:completed",
        "buy:completed=30d",
        "buy:completed=30:delete",
        "buy:completed=-1d:delete",
        "buy:completed=1w:delete",
        "buy:completed=1d:forget",
        "buy:running=1d:delete",
        "buy:suspended=1d:delete",
        "buy:waiting=1d:delete",
        "buy:*=1d:delete",
        "buy: completed=1d:delete",
        ":completed=1d:delete",
    ],
)
def test_what_is_no_rule_for_ended_sagas_is_refused_with_what_a_rule_is(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no rule; expected definition:status=age:action"):
        parse_rule(text)


def test_the_rule_of_a_definition_goes_before_that_of_every_one_and_what_has_none_is_kept() -> None:
    every, own = parse_rule("*:completed=30d:delete"), parse_rule("buy:completed=90d:archive")
    rules = Rules([every, own])

    assert rules.find("buy", Status.COMPLETED) == own
    assert rules.find("sell", Status.COMPLETED) == every
    assert rules.find("buy", Status.COMPENSATED) is None
    assert list(rules) == [every, own]
    assert not Rules([])


def test_two_rules_for_the_same_sagas_are_refused() -> None:
    with pytest.raises(ValueError, match="are for the same sagas"):
        Rules(map(parse_rule, ["buy:completed=30d:delete", "buy:completed=720h:archive"]))
