"""Who owns what after updates and applies."""

from typing import Any

import pytest
from hypothesis import given

from deploy.sandbox import fieldset, managed, typed
from deploy.sandbox.errors import ApiError
from deploy.sandbox.managed import Managers, Outcome, Writer
from tests.sandbox.nodes import THING
from tests.sandbox.things import THINGS, patient

Thing = dict[str, Any]


def by(manager: str, now: str = "2026-01-01T00:00:00Z") -> Writer:
    return Writer(manager, "example.dev/v1", "", now)


def apply(live: Thing, config: Thing, managers: Managers, manager: str = "one", *, force: bool = True) -> Outcome:
    return managed.applied(live, config, managers, writer=by(manager), node=THING, force=force)


def owned(outcome: Outcome | Managers) -> dict[str, Any]:
    managers = outcome.managers if isinstance(outcome, Outcome) else outcome
    return {entry.manager: entry.fields for entry in managers.values()}


@patient
@given(THINGS)
def test_an_applier_owns_what_it_sets(config: Thing) -> None:
    outcome = apply({}, config, {})
    assert outcome.obj == config
    assert owned(outcome).get("one", {}) == typed.fields_of(config, THING)


@patient
@given(THINGS, THINGS)
def test_the_same_apply_again_changes_nothing(live: Thing, config: Thing) -> None:
    first = apply(live, config, {})
    again = managed.applied(
        first.obj, config, first.managers, writer=by("one", "2027-01-01T00:00:00Z"), node=THING, force=False
    )
    assert again == first, "not even the time"


@patient
@given(THINGS, THINGS)
def test_letting_go_removes_what_nobody_else_sets(mine: Thing, theirs: Thing) -> None:
    first = apply({}, theirs, {}, "two")
    both = apply(first.obj, mine, first.managers)
    alone = apply(both.obj, {}, both.managers)
    assert owned(alone).get("two", {}) == owned(both).get("two", {})
    left = typed.fields_of(alone.obj, THING)  # a map that lost its last field stays as null, as in the real one
    assert fieldset.contains(left, owned(alone).get("two", {}))
    only_mine = fieldset.difference(owned(both).get("one", {}), owned(both).get("two", {}))
    assert all(_leads_to(left, path) for path in fieldset.paths(fieldset.intersection(left, only_mine)))
    assert "one" not in owned(alone)


@patient
@given(THINGS, THINGS)
def test_without_force_a_clash_is_refused_and_nothing_else(theirs: Thing, mine: Thing) -> None:
    first = apply({}, theirs, {}, "two")
    forced = apply(first.obj, mine, first.managers)
    change = typed.compare(first.obj, forced.obj, THING)
    if fieldset.intersection(owned(first).get("two", {}), change.changed()):
        with pytest.raises(ApiError) as caught:
            apply(first.obj, mine, first.managers, force=False)
        assert caught.value.code == 409
    else:
        assert apply(first.obj, mine, first.managers, force=False) == forced


@patient
@given(THINGS, THINGS)
def test_an_update_owns_what_it_changed_and_nobody_else_does(before: Thing, after: Thing) -> None:
    first = apply({}, before, {}, "two")
    managers = managed.updated(before, after, first.managers, writer=by("hand"), node=THING)
    change = typed.compare(before, after, THING)
    assert owned(managers).get("hand", {}) == change.changed()
    theirs = owned(managers).get("two", {})
    assert not fieldset.intersection(theirs, fieldset.union(change.changed(), change.removed))


@patient
@given(THINGS)
def test_entries_survive_being_written_and_read(config: Thing) -> None:
    managers = apply({}, config, {}).managers
    assert managed.read({"metadata": {"managedFields": managed.written(managers)}}) == managers


def test_conflicts_name_owner_and_path() -> None:
    first = apply({}, {"parts": [{"id": 1, "note": "a"}]}, {}, "two")
    with pytest.raises(ApiError) as caught:
        apply(first.obj, {"parts": [{"id": 1, "note": "b"}]}, first.managers, force=False)
    assert caught.value.message == ('Apply failed with 1 conflict: conflict with "two": .parts[id=1,side="left"].note')


def test_identity_is_owned_by_nobody() -> None:
    new = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "n", "uid": "u", "labels": {"a": "b"}}}
    managers = managed.updated({}, new, {}, writer=by("hand"), node=THING)
    assert owned(managers) == {"hand": {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}}}


def test_a_broken_list_of_entries_counts_as_none() -> None:
    assert managed.read({"metadata": {"managedFields": [{"manager": "x", "operation": "Guess"}]}}) == {}


def _leads_to(fields: Thing, path: tuple[str, ...]) -> bool:
    """Whether a place stays only because others have something there or below it."""
    for element in path:
        fields = fields[element]
    return bool(fields)
