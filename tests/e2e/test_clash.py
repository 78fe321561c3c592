"""An object that stands in the way of a new one, and that Git gave up in the same push, is pruned first."""

import pytest
import yaml

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, docs, service

pytestmark = pytest.mark.cluster
"""The sandbox allocates no ports."""


def on_port(name: str, port: int) -> str:
    return service(name, type="NodePort", ports=[{"port": 80, "nodePort": port}])


async def test_a_renamed_service_keeps_its_node_port(cluster_flow: Flow) -> None:
    cluster_flow.repo.push({"app/web.yaml": on_port("old", 30180)})
    await cluster_flow.deploy()
    await cluster_flow.push({"app/web.yaml": on_port("new", 30180)})
    await cluster_flow.settle()
    await cluster_flow.gone("Service", "old")
    found = await cluster_flow.live("Service", "new")
    assert found["spec"]["ports"][0]["nodePort"] == 30180
    assert (await cluster_flow.words())[0] == "Synced"


async def test_a_port_that_somebody_else_has_is_refused_and_nothing_is_pruned(cluster_flow: Flow) -> None:
    await cluster_flow.create(yaml.safe_load(on_port("theirs", 30182)))
    cluster_flow.repo.push({"app/web.yaml": docs(config_map("kept"), on_port("mine", 30181))})
    await cluster_flow.deploy()
    await cluster_flow.push({"app/web.yaml": on_port("mine-too", 30182)})
    await cluster_flow.settle()
    assert "already allocated" in await cluster_flow.said()
