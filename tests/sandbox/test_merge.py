"""Laying a configuration over a live value."""

from typing import Any

import pytest
from hypothesis import given

from deploy.sandbox.merge import merged
from deploy.sandbox.typed import compare, items
from tests.sandbox.nodes import THING
from tests.sandbox.things import THINGS, patient

Thing = dict[str, Any]


@patient
@given(THINGS, THINGS)
def test_all_that_is_applied_is_there_and_nothing_is_lost(live: Thing, applied: Thing) -> None:
    result = merged(live, applied, THING)
    assert merged(result, applied, THING) == result, "a second time changes nothing"
    assert not compare(live, result, THING).removed or "plain" in applied or "block" in applied or "free" in applied
    for name in ("name", "size", "plain", "block"):
        if name in applied:
            assert result[name] == applied[name]


@patient
@given(THINGS)
def test_an_empty_configuration_changes_nothing(live: Thing) -> None:
    assert merged(live, {}, THING) == live


@pytest.mark.parametrize(
    ("live", "applied", "expected"),
    [
        ("ab", "c", "abc"),
        ("abc", "db", "adbc"),
        ("adbc", "cea", "dbcea"),
        ("abc", "cb", "acb"),
        ("", "ba", "ba"),
        ("ab", "ab", "ab"),
    ],
)
def test_the_order_follows_the_applied_items(live: str, applied: str, expected: str) -> None:
    assert "".join(merged({"tags": list(live)}, {"tags": list(applied)}, THING)["tags"]) == expected


def test_items_merge_by_all_their_keys() -> None:
    live = {"parts": [{"id": 1, "note": "a"}, {"id": 1, "side": "right"}]}
    result = merged(live, {"parts": [{"id": 1, "side": "right", "note": "b"}]}, THING)
    assert items(result["parts"], THING.walk("parts")) == {
        'k:{"id":1,"side":"left"}': {"id": 1, "note": "a"},
        'k:{"id":1,"side":"right"}': {"id": 1, "side": "right", "note": "b"},
    }


def test_null_does_not_empty_a_map() -> None:
    assert merged({"labels": {"a": "b"}}, {"labels": None}, THING) == {"labels": {"a": "b"}}
