"""The algebra of field sets agrees with the algebra of their members."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.sandbox import fieldset
from deploy.sandbox.fieldset import Set
from tests.sandbox.things import patient

ELEMENTS = st.sampled_from(["f:a", "f:b", "f:spec", 'k:{"name":"x"}', 'k:{"name":"y"}', 'v:"z"'])


def node(below: st.SearchStrategy[Set]) -> st.SearchStrategy[Set]:
    """A leaf, a path to members below, or a member with members below."""
    inner = st.dictionaries(ELEMENTS, below, min_size=1, max_size=3)
    return st.one_of(st.just({}), inner, inner.map(lambda found: {".": {}, **found}))


SETS = st.dictionaries(ELEMENTS, st.recursive(st.just({}), node, max_leaves=8), max_size=4)


def members(fields: Set) -> set[tuple[str, ...]]:
    return set(fieldset.paths(fields))


def is_tidy(fields: Set) -> bool:
    """No node says nothing: neither a dead end nor a lone mark of membership."""
    return all(below != {".": {}} and is_tidy(below) for key, below in fields.items() if key != ".")


@patient
@given(SETS, SETS)
def test_union_has_the_members_of_both(a: Set, b: Set) -> None:
    found = fieldset.union(a, b)
    assert members(found) == members(a) | members(b)
    assert is_tidy(found)


@patient
@given(SETS, SETS)
def test_difference_has_the_members_of_the_first_only(a: Set, b: Set) -> None:
    found = fieldset.difference(a, b)
    assert members(found) == members(a) - members(b)
    assert is_tidy(found)


@patient
@given(SETS, SETS)
def test_intersection_has_the_members_that_both_have(a: Set, b: Set) -> None:
    found = fieldset.intersection(a, b)
    assert members(found) == members(a) & members(b)
    assert is_tidy(found)


@patient
@given(SETS, SETS)
def test_contains_is_about_members(a: Set, b: Set) -> None:
    assert fieldset.contains(a, b) is (members(b) <= members(a))


@patient
@given(SETS)
def test_a_set_is_made_of_its_paths(a: Set) -> None:
    assert members(fieldset.of_paths(fieldset.paths(a))) == members(a)


@patient
@given(SETS, SETS)
def test_nothing_changes_its_input(a: Set, b: Set) -> None:
    before = repr((a, b))
    fieldset.union(a, b)
    fieldset.difference(a, b)
    fieldset.intersection(a, b)
    assert repr((a, b)) == before


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:spec", 'k:{"name":"web"}', "f:image"), '.spec[name="web"].image'),
        (("f:ports", 'k:{"port":80,"protocol":"TCP"}'), '.ports[port=80,protocol="TCP"]'),
        (("f:metadata", "f:finalizers", 'v:"a/b"'), '.metadata.finalizers[="a/b"]'),
        (("f:labels", "f:example.dev/x:y"), ".labels.example.dev/x:y"),
    ],
)
def test_paths_read_as_the_api_writes_them(path: tuple[str, ...], text: str) -> None:
    assert fieldset.path_text(path) == text


def test_of_paths_of_nothing_is_the_empty_set() -> None:
    empty: Any = iter(())
    assert fieldset.of_paths(empty) == {}
