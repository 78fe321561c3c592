"""Watches: from a revision, from the present, through selectors, metadata only, bookmarks, expired."""

import asyncio
from typing import Any

from tests.contract.api import CORE, METADATA, Api
from tests.contract.manifests import config_map

Seen = list[tuple[str, str]]


def names(events: list[Any]) -> Seen:
    return [(event["type"], event["object"]["metadata"].get("name", "")) for event in events]


async def revision(api: Api) -> str:
    listed = await api.get(api.path(CORE, "configmaps"))
    return str(listed["metadata"]["resourceVersion"])


async def test_changes_after_a_revision_are_told_in_order(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    since = await revision(api)
    made = await api.create(path, config_map(labels={"t": "1"}))
    changed = (await api.patch(f"{path}/a", {"data": {"k": "v"}})).body
    await api("DELETE", f"{path}/a")
    events = await api.events(path, 3, resourceVersion=since, labelSelector="t=1")
    assert names(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert events[0]["object"] == made
    assert events[1]["object"] == changed
    last = int(events[2]["object"]["metadata"]["resourceVersion"])
    assert last > int(changed["metadata"]["resourceVersion"]), "the end has a revision of its own"


async def test_a_change_is_pushed_while_one_waits(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    waiting = asyncio.create_task(
        api.events(path, 1, resourceVersion=await revision(api), fieldSelector="metadata.name=a")
    )
    await api.create(path, config_map())
    assert names(await waiting) == [("ADDED", "a")]


async def test_without_a_revision_the_present_comes_first(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    await api.create(path, config_map("x", labels={"t": "1"}))
    await api.create(path, config_map("y", labels={"t": "1"}))
    for params in ({}, {"resourceVersion": "0"}):
        events = await api.events(path, 2, labelSelector="t=1", **params)
        assert sorted(names(events)) == [("ADDED", "x"), ("ADDED", "y")]


async def test_entering_and_leaving_a_selection_is_added_and_deleted(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    since = await revision(api)
    await api.create(path, config_map(labels={"t": "0"}))
    await api.patch(f"{path}/a", {"metadata": {"labels": {"t": "1"}}})
    left = (await api.patch(f"{path}/a", {"metadata": {"labels": {"t": "2"}}})).body
    (entered, gone) = await api.events(path, 2, resourceVersion=since, labelSelector="t=1")
    assert names([entered, gone]) == [("ADDED", "a"), ("DELETED", "a")]
    assert gone["object"]["metadata"]["labels"] == {"t": "1"}, "the last state that was in it"
    assert gone["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]


async def test_other_namespaces_are_not_told(api: Api) -> None:
    since = await revision(api)
    await api.create("/api/v1/namespaces/default/configmaps", config_map(f"{api.namespace}-x"))
    await api.create(api.path(CORE, "configmaps"), config_map("mine"))
    selector = f"metadata.name!=kube-root-ca.crt,metadata.namespace={api.namespace}"
    everywhere = await api.events("/api/v1/configmaps", 1, resourceVersion=since, fieldSelector=selector)
    assert names(everywhere) == [("ADDED", "mine")]
    here = await api.events(api.path(CORE, "configmaps"), 1, resourceVersion=since, fieldSelector=selector)
    assert names(here) == [("ADDED", "mine")]
    await api("DELETE", f"/api/v1/namespaces/default/configmaps/{api.namespace}-x")


async def test_a_watch_can_be_of_metadata_only(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    since = await revision(api)
    await api.create(path, config_map(data={"k": "v"}, labels={"t": "1"}))
    (event,) = await api.events(path, 1, METADATA, resourceVersion=since, labelSelector="t=1")
    assert (event["object"]["kind"], event["object"]["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert "data" not in event["object"]


async def test_the_present_can_be_streamed_and_closed_by_a_bookmark(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    await api.create(path, config_map(labels={"t": "1"}))
    streamed = {
        "sendInitialEvents": "true",
        "allowWatchBookmarks": "true",
        "resourceVersionMatch": "NotOlderThan",
        "labelSelector": "t=1",
    }
    events = await api.events(path, 2, **streamed)
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert events[1]["object"]["kind"] == "ConfigMap"


async def test_a_watch_ends_when_its_time_is_over(api: Api) -> None:
    path = api.path(CORE, "configmaps")
    found = [event async for event in api.watch(path, timeoutSeconds="1", labelSelector="t=none")]
    assert found == []
