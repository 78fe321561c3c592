"""Clusters of Argo CD style cluster Secrets: here it is always the same API server, by another name."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from jobs.core.deletion import CASCADE
from tests.controlplane.coordinates import Coordinates
from tests.e2e.harness import Flow
from tests.e2e.objects import config_map
from tests.e2e.test_deletion import delete

SYNCED = ("Synced", "Healthy", "Succeeded")


def cluster_secret(flow: Flow, where: Coordinates, **changes: Any) -> dict[str, Any]:
    """A cluster Secret for this API server."""
    ca_data = base64.b64encode(Path(where.ca_file).read_bytes()).decode()
    config = {"bearerToken": where.admin_token, "tlsClientConfig": {"caData": ca_data}} | changes
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    data = {"name": f"edge-{flow.token}", "server": where.url, "config": json.dumps(config)}
    metadata = {"name": f"cluster-{flow.token}", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


@pytest.mark.cluster
@pytest.mark.parametrize("by", ["name", "server"])
async def test_a_cluster_of_a_secret_is_deployed_to(cluster_flow: Flow, control_plane: Coordinates, by: str) -> None:
    flow = cluster_flow
    await flow.create(cluster_secret(flow, control_plane), namespace=flow.ground.home)
    try:
        flow.repo.push({"app/web.yaml": config_map()})
        named = {"name": f"edge-{flow.token}"} if by == "name" else {"server": control_plane.url}
        await flow.deploy(destination=named | {"namespace": flow.namespace})
        assert await flow.words() == SYNCED
        assert await flow.get("ConfigMap", "web") is not None
    finally:
        await flow.delete("Secret", f"cluster-{flow.token}", namespace=flow.ground.home)


@pytest.mark.cluster
async def test_a_cluster_that_takes_no_credentials_is_told_without_them(
    cluster_flow: Flow, control_plane: Coordinates
) -> None:
    flow = cluster_flow
    secret = cluster_secret(flow, control_plane, bearerToken="planted-token")
    await flow.create(secret, namespace=flow.ground.home)
    try:
        flow.repo.push({"app/web.yaml": config_map(), "good/web.yaml": config_map("good")})
        await flow.create_application("bad", destination={"name": f"edge-{flow.token}", "namespace": flow.namespace})
        await flow.create_application("good", path="good")
        await flow.settle()
        said = await flow.said("bad")
        assert "ComparisonError: " in said
        assert "planted-token" not in f"{said}{await flow.events('bad')}"
        assert await flow.get("ConfigMap", "web") is None
        assert await flow.words("good") == SYNCED
    finally:
        await flow.delete("Secret", f"cluster-{flow.token}", namespace=flow.ground.home)


async def test_an_application_whose_cluster_nobody_knows_goes_without_it(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    elsewhere = {"name": f"edge-{flow.token}", "namespace": flow.namespace}
    ladder = (CASCADE, "pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io/cleanup")
    await flow.deploy(destination=elsewhere, finalizers=ladder)
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    (said,) = (await flow.events())["DestinationGone"]
    assert f"no cluster is known as edge-{flow.token}" in said
    assert said.endswith("The Application goes without its objects there being deleted")


@pytest.mark.cluster
async def test_a_cluster_that_does_not_answer_holds_a_deletion_until_its_secret_is_gone(
    cluster_flow: Flow, control_plane: Coordinates
) -> None:
    flow = cluster_flow
    await flow.create(cluster_secret(flow, control_plane), namespace=flow.ground.home)
    flow.repo.push({"app/web.yaml": config_map()})
    edge = {"name": f"edge-{flow.token}", "namespace": flow.namespace}
    await flow.deploy(destination=edge, finalizers=(CASCADE,))
    assert await flow.words() == SYNCED
    nowhere = {"data": {"server": base64.b64encode(b"https://127.0.0.1:9").decode()}}
    await flow.patch("Secret", f"cluster-{flow.token}", nowhere, namespace=flow.ground.home)
    await delete(flow)
    said = await flow.said()
    assert "DeletionError: " in said
    assert f"take its finalizer {CASCADE} away; if the cluster is gone for good, remove its Secret" in said
    await flow.delete("Secret", f"cluster-{flow.token}", namespace=flow.ground.home)
    await flow.sweep()
    await flow.gone("Application", flow.name("app"))
    assert await flow.get("ConfigMap", "web") is not None
