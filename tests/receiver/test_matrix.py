"""Who may do what, exactly as docs/api.md says, under RBAC: on the sandbox and on the real API server."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jobs.enqueue import Queue
from receiver import stream
from tests.controlplane.coordinates import Coordinates, write_kubeconfig
from tests.controlplane.request import KubeRequest
from tests.deploy.conftest import accounts, crds_installed
from tests.receiver.cluster import LIST, SPEC, Cluster, on_applications, on_sandbox, served
from tests.receiver.worker import working
from tests.valkey import Valkey, until

__all__ = ["accounts", "crds_installed"]

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
PEOPLE = ("no token", "bad token", "reader", "syncer of another", "syncer", "editor", "admin")
ROW = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>/\S+)` \|(?P<statuses>(?: \d+ \|){7})$", re.MULTILINE)
MATRIX = {
    (row["method"], row["path"]): dict(zip(PEOPLE, map(int, re.findall(r"\d+", row["statuses"])), strict=True))
    for row in ROW.finditer(DOCS.read_text())
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", LIST): {"metadata": {"name": "made"}, "spec": SPEC},
    ("PUT", f"{LIST}/cart"): {"spec": SPEC},
    ("POST", f"{LIST}/cart/sync"): {},
    ("POST", f"{LIST}/cart/rollback"): {"id": 0},
}


@pytest.fixture
async def sandbox(valkey: Valkey, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with on_sandbox(valkey, tmp_path) as made:
        yield made


@pytest.fixture
async def plane(
    valkey: Valkey, tmp_path: Path, control_plane: Coordinates, kube_request: KubeRequest, accounts: str
) -> AsyncIterator[Cluster]:
    """The real API server; the receiver under the account, the Roles and the policy of the chart."""
    token = await kube_request.account_token(accounts, "pilothouse-receiver")
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, url=control_plane.url, ca_file=control_plane.ca_file, token=token)
    async with served(kube_request, accounts, path, valkey) as made:
        yield made
        await made.clean()


@pytest.fixture(params=["sandbox", pytest.param("plane", marks=pytest.mark.cluster)])
def ground(request: pytest.FixtureRequest) -> Cluster:
    """Both API servers, one after the other."""
    found: Cluster = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def cluster(ground: Cluster, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    """With somebody who plays the worker."""
    monkeypatch.setattr(stream, "STREAM_S", 0.02)
    async with working(ground, queue):
        yield ground


async def people(cluster: Cluster) -> dict[str, str | None]:
    """Everybody's token. Who only looks and syncs has one that is worthless at the API server."""
    written = ("get", "list", "create", "update", "patch", "delete")
    return {
        "no token": None,
        "bad token": "nobody-has-this",
        "reader": await cluster.person(on_applications("get", "list"), audiences=["pilothouse"]),
        "syncer of another": await cluster.person(
            on_applications("get", "sync", names=["other"]), audiences=["pilothouse"]
        ),
        "syncer": await cluster.person(on_applications("get", "sync", names=["cart"]), audiences=["pilothouse"]),
        "editor": await cluster.person(on_applications(*written)),
        "admin": await cluster.person(on_applications("*")),
    }


async def is_quiet(cluster: Cluster) -> bool:
    """Whether `cart` is there, and nothing is asked of it."""
    live = await cluster.live()
    return bool(live) and not live.get("operation") and not live["metadata"].get("deletionTimestamp")


def test_every_route_is_in_the_matrix() -> None:
    routes = re.findall(r"^\| `([A-Z]+) (/\S+)` \|[^|]*\|$", DOCS.read_text(), re.MULTILINE)
    rows = {(method, path.partition("?")[0]) for method, path in MATRIX}
    assert {(method, path.replace("{name}", "cart")) for method, path in routes} == rows


async def test_everybody_may_do_what_the_documentation_says_and_no_more(cluster: Cluster) -> None:
    tokens = await people(cluster)
    for (method, path), expected in MATRIX.items():
        found = {}
        for who, token in tokens.items():
            await until(lambda: is_quiet(cluster))
            body = BODIES.get((method, path))
            headers = {"If-Match": "*"} if method == "PUT" else {"X-GitHub-Event": "push"} if "webhook" in path else {}
            more = {} if body is None else {"json": body}
            async with asyncio.timeout(20):
                found[who] = (await cluster.call(method, path, token, headers=headers, **more)).status
            if (method, path) == ("POST", LIST):
                await cluster.kube("DELETE", cluster.path("made"))
        assert found == expected, (method, path)


async def test_a_token_for_pilothouse_alone_writes_nothing_however_much_its_account_may(cluster: Cluster) -> None:
    token = await cluster.person(on_applications("*"), audiences=["pilothouse"])
    await until(lambda: is_quiet(cluster))
    before = await cluster.live()
    for method, path in (("POST", LIST), ("PUT", f"{LIST}/cart"), ("DELETE", f"{LIST}/cart")):
        refused = await cluster.call(method, path, token, json=BODIES.get((method, path)), headers={"If-Match": "*"})
        assert refused.status == 403, (method, refused)
        assert "--audience pilothouse" in refused.body["detail"]
    assert await cluster.live() == before
    assert await cluster.live("made") is None
    assert (await cluster.call("POST", f"{LIST}/cart/sync", token)).status == 202


async def test_the_same_rights_in_another_namespace_are_none(cluster: Cluster) -> None:
    name = f"{cluster.home}-x"
    await cluster.kube("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    stranger = Cluster(cluster.kube, name, cluster.client)
    token = await stranger.person(on_applications("*"))
    for method, path in (
        ("GET", LIST),
        ("GET", f"{LIST}/cart"),
        ("POST", f"{LIST}/cart/sync"),
        ("DELETE", f"{LIST}/cart"),
    ):
        assert (await cluster.call(method, path, token)).status == 403, (method, path)
    assert (await cluster.call("GET", f"{LIST}/cart?appNamespace={name}", token)).status == 404
    await cluster.kube("DELETE", f"/api/v1/namespaces/{name}")
