"""What happens between the look and the write, and what the plan could not know (design.md, parts 3 and 4)."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, docs
from tests.valkey import until

SYNCED = ("Synced", "Healthy", "Succeeded")


@contextmanager
def before_the_first_apply(flow: Flow, deed: Callable[[], Awaitable[Any]]) -> Iterator[list[bool]]:
    """Do something once between the comparison and the first apply: where the start of an operation is written."""
    applications = flow.parts.applications
    plain = applications.record
    done: list[bool] = []

    async def record(*args: Any, **kwargs: Any) -> Any:
        if not done:
            done.append(True)
            await deed()
        return await plain(*args, **kwargs)

    applications.record = record  # type: ignore[method-assign]
    try:
        yield done
    finally:
        applications.record = plain  # type: ignore[method-assign]


async def changing(flow: Flow) -> None:
    """A ConfigMap that a sync by hand is about to make red; `other` is a bystander."""
    flow.repo.push({"app/web.yaml": docs(config_map(colour="blue"), config_map("other", number="1"))})
    await flow.deploy(syncPolicy=by_hand())
    await flow.operation()
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), config_map("other", number="2"))})
    await flow.settle()


async def test_an_object_that_changes_after_the_look_is_looked_at_again_before_it_is_written(flow: Flow) -> None:
    await changing(flow)

    async def somebody_writes() -> None:
        await flow.patch("ConfigMap", "web", {"data": {"colour": "green"}, "metadata": {"annotations": {"by": "ada"}}})

    with before_the_first_apply(flow, somebody_writes) as done:
        await flow.operation()
    assert done
    found = await flow.live("ConfigMap", "web")
    assert found["data"] == {"colour": "red"}
    assert await flow.words() == SYNCED
    assert (await flow.results())["ConfigMap/web"].endswith(": configured")


async def test_an_object_that_is_replaced_after_the_look_is_looked_at_again(flow: Flow) -> None:
    await changing(flow)

    async def somebody_replaces() -> None:
        await flow.delete("ConfigMap", "web")
        await flow.gone("ConfigMap", "web")
        await flow.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"a": "b"}})

    with before_the_first_apply(flow, somebody_replaces):
        await flow.operation()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red", "a": "b"}, "another manager's field stays"
    assert await flow.words() == SYNCED


async def test_an_object_that_is_deleted_after_the_look_is_created(flow: Flow) -> None:
    await changing(flow)

    async def somebody_deletes() -> None:
        await flow.delete("ConfigMap", "web")
        await flow.gone("ConfigMap", "web")

    with before_the_first_apply(flow, somebody_deletes):
        await flow.operation()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    assert await flow.words() == SYNCED


async def test_an_object_that_somebody_takes_over_before_it_is_pruned_stays(flow: Flow) -> None:
    """The DELETE names the resourceVersion that was judged; what changed is judged again."""
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy(syncPolicy=by_hand())
    await flow.operation()
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()

    async def somebody_unmarks() -> None:
        await flow.patch("ConfigMap", "old", {"metadata": {"labels": {"pilothouse.dev/application": None}}})

    with before_the_first_apply(flow, somebody_unmarks) as done:
        await flow.operation(prune=True)
    assert done
    assert (await flow.live("ConfigMap", "old"))["metadata"].get("deletionTimestamp") is None
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"


@pytest.mark.cluster
async def test_what_a_quota_refuses_only_while_applying_stops_the_run_which_says_what_it_applied(
    cluster_flow: Flow,
) -> None:
    flow = cluster_flow
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}}
    await flow.create(quota | {"spec": {"hard": {"count/configmaps": "2"}}})

    async def counted() -> bool:
        status = (await flow.live("ResourceQuota", "few")).get("status", {})
        return bool(status.get("used", {}).get("count/configmaps") == "1")  # kube-root-ca.crt

    await until(counted)
    flow.repo.push({"app/web.yaml": docs(config_map("a"), config_map("b"))})
    await flow.deploy()
    assert (await flow.words())[::2] == ("OutOfSync", "Failed")
    said = await flow.said()
    assert "exceeded quota: few" in said
    assert "Applied before: 1 objects" in said
    assert sorted(result for result in (await flow.results()).values()) == ["Synced: created"]
    await flow.patch("ResourceQuota", "few", {"spec": {"hard": {"count/configmaps": "9"}}})

    async def raised() -> bool:
        status = (await flow.live("ResourceQuota", "few")).get("status", {})
        return bool(status.get("hard", {}).get("count/configmaps") == "9")

    await until(raised)
    await flow.sweep()
    assert await flow.words() == SYNCED
