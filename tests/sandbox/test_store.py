"""The store: revisions, history, owners."""

from typing import Any

import pytest

from deploy.sandbox.errors import ApiError
from deploy.sandbox.store import Store

KEY = "/configmaps"


def obj(name: str, namespace: str = "n", **metadata: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "uid": f"uid-{name}", **metadata}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def names(store: Store, revision: int, namespace: str = "") -> list[str]:
    return [name for _, name, _ in store.rows_at(KEY, revision, namespace)]


def test_each_write_has_a_revision_of_its_own() -> None:
    store = Store(window=10)
    first = store.put(KEY, obj("a"))
    second = store.put(KEY, obj("a"))
    gone = store.remove(KEY, "n", "a")
    assert first.revision < second.revision < gone.revision == store.revision
    assert gone.obj["metadata"]["resourceVersion"] == str(gone.revision)
    assert [change.type for change in store.since(KEY, first.revision - 1)] == ["ADDED", "MODIFIED", "DELETED"]


def test_past_states_can_be_listed() -> None:
    store = Store(window=10)
    store.put(KEY, obj("b"))
    then = store.put(KEY, obj("a")).revision
    store.put(KEY, obj("c", "other"))
    store.remove(KEY, "n", "b")
    assert names(store, then) == ["a", "b"]
    assert names(store, store.revision) == ["a", "c"]
    assert names(store, store.revision, "other") == ["c"]


def test_what_is_beyond_the_window_is_410() -> None:
    store = Store(window=3)
    first = store.put(KEY, obj("a")).revision
    for _ in range(4):
        store.put(KEY, obj("a"))
    with pytest.raises(ApiError) as caught:
        store.since(KEY, first)
    assert (caught.value.code, caught.value.reason) == (410, "Expired")
    assert len(store.since(KEY, store.revision - 3)) == 3
    store.forget_history()
    with pytest.raises(ApiError):
        store.since(KEY, store.revision - 1)
    assert store.since(KEY, store.revision) == []


def test_a_revision_of_another_life_is_410() -> None:
    store = Store(window=3)
    with pytest.raises(ApiError) as caught:
        store.since(KEY, store.revision + 1000)
    assert caught.value.code == 410


def test_dependants_are_found_by_their_owner() -> None:
    store = Store(window=10)
    store.put(KEY, obj("a", ownerReferences=[{"uid": "u1"}, {"uid": "u2"}]))
    assert [stored.uid for _, stored in store.dependants("u1")] == ["uid-a"]
    store.put(KEY, obj("a", ownerReferences=[{"uid": "u2"}]))
    assert store.dependants("u1") == []
    store.remove(KEY, "n", "a")
    assert store.dependants("u2") == []


async def test_a_subscriber_hears_of_its_resource_only() -> None:
    store = Store(window=10)
    subscription = store.subscribe(KEY, [])
    store.put("/secrets", obj("s"))
    store.put(KEY, obj("a"))
    await subscription.wait()
    assert [change.name for change in subscription.take()] == ["a"]
    store.unsubscribe(KEY, subscription)
    store.put(KEY, obj("b"))
    assert subscription.take() == []
