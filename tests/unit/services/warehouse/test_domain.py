from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.warehouse.domain import PickLine, pick_list_id, walk

bins = st.from_regex(r"[A-D]-[0-9]{1,2}-[0-9]{1,2}", fullmatch=True) | st.text(min_size=1, max_size=32)
lines = st.builds(PickLine, sku=st.sampled_from(["MUG", "TEE", "BOOK"]), quantity=st.integers(1, 9), bin=bins)


def test_the_shelves_are_walked_in_the_order_of_their_numbers() -> None:
    asked = [
        PickLine("C", 1, "B-1-1"),
        PickLine("B", 2, "A-10-1"),
        PickLine("A", 3, "A-2-10"),
        PickLine("D", 4, "A-2-9"),
    ]

    assert [line.bin for line in walk(asked)] == ["A-2-9", "A-2-10", "A-10-1", "B-1-1"]


def test_products_of_one_bin_are_picked_by_sku() -> None:
    asked = [PickLine("TEE", 1, "A-1"), PickLine("MUG", 1, "A-1")]

    assert [line.sku for line in walk(asked)] == ["MUG", "TEE"]


@given(asked=st.lists(lines, max_size=12))
def test_a_walk_picks_what_was_asked_and_nothing_else(asked: list[PickLine]) -> None:
    assert Counter(walk(asked)) == Counter(asked)


@given(asked=st.lists(lines, max_size=12))
def test_the_walk_does_not_depend_on_the_order_of_asking(asked: list[PickLine]) -> None:
    assert walk(asked) == walk(asked[::-1])


@given(asked=st.lists(lines, max_size=12))
def test_no_bin_is_visited_twice(asked: list[PickLine]) -> None:
    visited = [line.bin for line in walk(asked)]
    stops = [bin_ for index, bin_ in enumerate(visited) if index == 0 or visited[index - 1] != bin_]

    assert len(stops) == len(set(stops))


def test_a_pick_list_id_follows_from_the_order() -> None:
    assert pick_list_id("order-7") == pick_list_id("order-7")
    assert pick_list_id("order-7") != pick_list_id("order-8")
