"""What a value sets, how two values differ, what is left of one."""

from typing import Any

import pytest
from hypothesis import given

from deploy.sandbox import fieldset, typed
from tests.sandbox.nodes import THING
from tests.sandbox.things import THINGS, patient

Thing = dict[str, Any]


def test_leaves_items_and_atomic_places_are_set() -> None:
    thing = {
        "name": "x",
        "labels": {"a": "b"},
        "tags": ["t"],
        "plain": ["p"],
        "parts": [{"id": 1, "note": "n"}],
        "block": {"a": "b"},
        "free": {"x": {"y": [1]}},
    }
    assert typed.fields_of(thing, THING) == {
        "f:name": {},
        "f:labels": {"f:a": {}},
        "f:tags": {'v:"t"': {}},
        "f:plain": {},
        "f:parts": {'k:{"id":1,"side":"left"}': {".": {}, "f:id": {}, "f:note": {}}},
        "f:block": {},
        "f:free": {"f:x": {".": {}, "f:y": {}}},
    }


def test_empty_maps_and_null_are_set_but_empty_lists_are_not() -> None:
    assert typed.fields_of({"labels": {}, "nested": None, "tags": [], "parts": []}, THING) == {
        "f:labels": {},
        "f:nested": {},
    }


def test_what_is_new_counts_with_all_that_leads_to_it() -> None:
    added = typed.compare({}, {"nested": {"on": True}, "parts": [{"id": 1}]}, THING).added
    assert added == {
        "f:nested": {".": {}, "f:on": {}},
        "f:parts": {".": {}, 'k:{"id":1,"side":"left"}': {".": {}, "f:id": {}}},
    }


def test_null_and_empty_are_told_apart() -> None:
    assert typed.compare({"labels": None}, {"labels": {}}, THING).modified == {"f:labels": {}}


def test_a_missing_list_key_is_refused() -> None:
    with pytest.raises(typed.TypedError, match='omits key field "id"'):
        typed.fields_of({"parts": [{"note": "n"}]}, THING)


@patient
@given(THINGS)
def test_a_value_does_not_differ_from_itself(thing: Thing) -> None:
    change = typed.compare(thing, dict(thing), THING)
    assert (change.added, change.removed, change.modified) == ({}, {}, {})


@patient
@given(THINGS, THINGS)
def test_what_one_way_adds_the_other_removes(a: Thing, b: Thing) -> None:
    there, back = typed.compare(a, b, THING), typed.compare(b, a, THING)
    assert (there.added, there.removed, there.modified) == (back.removed, back.added, back.modified)


@patient
@given(THINGS)
def test_nothing_is_left_without_all_that_is_set(thing: Thing) -> None:
    everything = typed.with_named_parents(typed.fields_of(thing, THING), THING)
    assert not typed.without(thing, everything, THING)


@patient
@given(THINGS)
def test_without_nothing_a_value_stays(thing: Thing) -> None:
    assert typed.without(thing, {}, THING) == (thing or None)


@patient
@given(THINGS, THINGS)
def test_taking_out_what_another_value_sets_leaves_none_of_it(a: Thing, b: Thing) -> None:
    taken = typed.fields_of(b, THING)
    left = typed.without(a, taken, THING)
    found = typed.fields_of(left, THING) if left else {}
    # A map that lost its last field stays as null, and null counts as set.
    leaves = {path for path in fieldset.paths(fieldset.intersection(found, taken)) if _at(left, path) is not None}
    assert leaves == set()


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for element in path:
        value = value.get(element[2:]) if isinstance(value, dict) else value
    return value
