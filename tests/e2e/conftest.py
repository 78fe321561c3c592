"""The whole flow on the sandbox and on the real control plane; one event loop for all, as the ground is shared."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from deploy.sandbox import Sandbox
from jobs import clusters
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import KubeRequest, open_session
from tests.e2e.harness import Flow, Ground
from tests.e2e.watched import Watched
from tests.repos import Repo


@pytest.fixture(autouse=True)
def _secrets_and_projects_are_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every few seconds, which the tests would have to wait for."""
    monkeypatch.setattr(clusters, "FRESH_S", 0.0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox_ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """A cluster in memory, shared by the tests of one process."""
    folder = tmp_path_factory.mktemp("sandbox")
    async with Sandbox.serve() as sandbox, aiohttp.ClientSession(sandbox.url) as session:
        kubeconfig = sandbox.kubeconfig(folder / "kubeconfig")
        where = Coordinates(sandbox.url, "", sandbox.admin_token, str(kubeconfig), {}, True, {})
        async with Ground.prepared(KubeRequest(session, where), kubeconfig, folder) as ground:
            yield ground


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster_ground(
    control_plane: Coordinates, controllers: None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    """The real control plane with a home namespace of this process's own."""
    folder = tmp_path_factory.mktemp("cluster")
    async with open_session(control_plane) as session:
        kube = KubeRequest(session, control_plane)
        async with Ground.prepared(kube, Path(control_plane.kubeconfig), folder) as ground:
            yield ground


@pytest.fixture(params=["sandbox", pytest.param("cluster", marks=pytest.mark.cluster)])
def ground(request: pytest.FixtureRequest) -> Ground:
    """Both API servers, one after the other."""
    found: Ground = request.getfixturevalue(f"{request.param}_ground")
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def flow(ground: Ground) -> AsyncIterator[Flow]:
    """The flow on the sandbox and on the real API server."""
    async for made in _flow(ground):
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox_flow(sandbox_ground: Ground) -> AsyncIterator[Flow]:
    """The flow on the sandbox only, for what no API server has a part in."""
    async for made in _flow(sandbox_ground):
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def cluster_flow(cluster_ground: Ground) -> AsyncIterator[Flow]:
    """The flow on the real API server only, for what the sandbox does not play."""
    async for made in _flow(cluster_ground):
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def watched(flow: Flow) -> AsyncIterator[Watched]:
    """The same, watched and worked off by itself once it is deployed."""
    found = Watched(flow)
    yield found
    await found.end()


async def _flow(ground: Ground) -> AsyncIterator[Flow]:
    token = secrets.token_hex(3)
    namespace = f"e2e-{token}"
    status, body = await ground.kube("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    assert status == 201, body
    made = Flow(ground, namespace, token, Repo(ground.git.root, f"shop-{token}"))
    try:
        yield made
    finally:
        await made.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every coroutine test here runs in the session's loop, where its fixtures live."""
    for item in items:
        if item.path.parent == Path(__file__).parent and "flow" in _fixtures(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _fixtures(item: Any) -> str:
    return " ".join(getattr(item, "fixturenames", ()))
