"""An object that stands in the way of a new one, and that Git gave up in the same push, is pruned first."""

import pytest

from tests.e2e.harness import Flow
from tests.e2e.objects import service

pytestmark = pytest.mark.cluster
"""The sandbox allocates no ports."""


def on_port(name: str, port: int) -> str:
    return service(name, type="NodePort", ports=[{"port": 80, "nodePort": port}])


async def test_a_renamed_service_keeps_its_node_port(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": on_port("old", 30180)})
    await flow.deploy()
    await flow.push({"app/web.yaml": on_port("new", 30180)})
    await flow.settle()
    await flow.gone("Service", "old")
    found = await flow.live("Service", "new")
    assert found["spec"]["ports"][0]["nodePort"] == 30180
    assert (await flow.words())[0] == "Synced"


async def test_a_port_that_somebody_else_has_is_refused_and_nothing_is_pruned(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": on_port("mine", 30181), "other/web.yaml": on_port("theirs", 30182)})
    await flow.deploy()
    await flow.deploy("other", path="other")
    await flow.push({"app/web.yaml": on_port("mine", 30182)})
    await flow.settle()
    assert "already allocated" in await flow.said()
    assert (await flow.live("Service", "mine"))["spec"]["ports"][0]["nodePort"] == 30181
