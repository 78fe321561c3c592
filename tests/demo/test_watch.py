from pathlib import Path

import pytest

from deploy.demo.cluster import Cluster, ClusterError, collection
from deploy.demo.watch import NotSeen, watching

MAPS = collection("v1", "configmaps", "default")


def a_config_map(name: str, value: str = "1") -> dict[str, object]:
    metadata = {"name": name, "namespace": "default", "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}


async def test_a_watch_knows_what_was_there_before(kubeconfig: Path) -> None:
    async with Cluster.connect(kubeconfig) as cluster:
        await cluster.apply(a_config_map("a"))
        async with watching(cluster, MAPS) as watch:
            assert "default/a" in watch.objects


async def test_a_watch_sees_a_change_and_a_deletion(kubeconfig: Path) -> None:
    async with Cluster.connect(kubeconfig) as cluster, watching(cluster, MAPS) as watch:
        await cluster.apply(a_config_map("a"))
        added = await watch.until(lambda found: "default/a" in found, within_s=5)
        await cluster.apply(a_config_map("a", "2"))
        changed = await watch.until(lambda found: found["default/a"]["data"] == {"value": "2"}, within_s=5)
        await cluster.delete(f"{MAPS}/a")
        gone = await watch.until(lambda found: "default/a" not in found, within_s=5)
    assert added <= changed <= gone


async def test_what_does_not_come_is_named(kubeconfig: Path) -> None:
    async with Cluster.connect(kubeconfig) as cluster, watching(cluster, MAPS) as watch:
        with pytest.raises(NotSeen, match="a map called never"):
            await watch.until(lambda found: "default/never" in found, within_s=0.05, what="a map called never")


async def test_a_selector_hides_the_rest(kubeconfig: Path) -> None:
    async with Cluster.connect(kubeconfig) as cluster, watching(cluster, MAPS, "app=a") as watch:
        await cluster.apply(a_config_map("b"))
        await cluster.apply(a_config_map("a"))
        await watch.until(lambda found: bool(found), within_s=5)
        assert [*watch.objects] == ["default/a"]


async def test_a_refusal_carries_the_api_servers_words(kubeconfig: Path) -> None:
    async with Cluster.connect(kubeconfig) as cluster:
        with pytest.raises(ClusterError, match="not found") as caught:
            await cluster.request("GET", f"{MAPS}/none")
        assert caught.value.status == 404
        assert await cluster.get(f"{MAPS}/none") is None
