"""The test control plane is a real one: what other tests rely on is shown here once."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.coordinates import Coordinates
from tests.controlplane.plane import ROOT, ControlPlane
from tests.controlplane.pods import EXIT_CODE, NEVER_READY
from tests.controlplane.request import Answer, KubeRequest, open_session

pytestmark = pytest.mark.cluster
needs_controllers = pytest.mark.usefixtures("controllers")

LABELS = {"app": "web"}


def template(*, restart: str, image: str = "web:1", annotations: dict[str, str] | None = None) -> dict[str, Any]:
    spec = {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": 1,  # a namespace waits for half of it before it looks again
        "containers": [{"name": "main", "image": image}],
    }
    return {"metadata": {"labels": LABELS, "annotations": annotations or {}}, "spec": spec}


def a_deployment(**pod: Any) -> dict[str, Any]:
    spec = {"replicas": 2, "selector": {"matchLabels": LABELS}, "template": template(restart="Always", **pod)}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


def a_job(**pod: Any) -> dict[str, Any]:
    spec = {"backoffLimit": 0, "template": template(restart="Never", **pod)}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": spec}


async def create(kube_request: KubeRequest, path: str, body: dict[str, Any]) -> str:
    """Create the object in this collection; returns its path."""
    status, answer = await kube_request("POST", path, body)
    assert status == 201, answer
    return f"{path}/{body['metadata']['name']}"


def has_condition(kind: str) -> Any:
    def check(answer: Answer) -> bool:
        conditions = answer.body.get("status", {}).get("conditions", [])
        return any(c["type"] == kind and c["status"] == "True" for c in conditions)

    return check


async def pods_when(kube_request: KubeRequest, namespace: str, phase: str) -> list[dict[str, Any]]:
    """The Pods once there are some and all are in this phase with a status for their containers."""

    def settled(answer: Answer) -> bool:
        pods = answer.body["items"]
        return bool(pods) and all(p["status"]["phase"] == phase and p["status"].get("containerStatuses") for p in pods)

    body = await kube_request.until(f"/api/v1/namespaces/{namespace}/pods", settled)
    return list(body["items"])


@needs_controllers
async def test_a_deployment_becomes_available(kube_request: KubeRequest, namespace: str) -> None:
    path = await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", a_deployment())
    found = await kube_request.until(path, lambda answer: answer.body.get("status", {}).get("availableReplicas") == 2)
    assert found["status"]["readyReplicas"] == 2
    pods = await pods_when(kube_request, namespace, "Running")
    assert len({pod["status"]["podIP"] for pod in pods}) == 2


@needs_controllers
async def test_a_changed_deployment_rolls_over_to_the_new_image(kube_request: KubeRequest, namespace: str) -> None:
    path = await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", a_deployment())
    await kube_request.until(path, has_condition("Available"))
    containers = [{"name": "main", "image": "web:2"}]
    await kube_request("PATCH", path, {"spec": {"template": {"spec": {"containers": containers}}}})

    def only_new(answer: Answer) -> bool:
        images = [pod["spec"]["containers"][0]["image"] for pod in answer.body["items"]]
        return images == ["web:2", "web:2"]

    await kube_request.until(f"/api/v1/namespaces/{namespace}/pods", only_new)


@needs_controllers
async def test_an_image_with_the_tag_broken_is_never_pulled(kube_request: KubeRequest, namespace: str) -> None:
    deployment = a_deployment(image="registry.test:5000/web:broken")
    path = await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
    for pod in await pods_when(kube_request, namespace, "Pending"):
        assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    _, found = await kube_request("GET", path)
    assert found["status"].get("availableReplicas", 0) == 0


@needs_controllers
async def test_a_deployment_can_be_kept_from_ever_getting_ready(kube_request: KubeRequest, namespace: str) -> None:
    deployment = a_deployment(annotations={NEVER_READY: "true"})
    await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
    for pod in await pods_when(kube_request, namespace, "Pending"):
        assert pod["status"]["containerStatuses"][0]["ready"] is False


@needs_controllers
async def test_a_crashing_container_of_a_deployment_is_restarted_for_ever(
    kube_request: KubeRequest, namespace: str
) -> None:
    deployment = a_deployment(annotations={EXIT_CODE: "3"})
    await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
    for pod in await pods_when(kube_request, namespace, "Running"):
        container = pod["status"]["containerStatuses"][0]
        assert container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
        assert container["lastState"]["terminated"]["exitCode"] == 3


@needs_controllers
async def test_a_job_completes(kube_request: KubeRequest, namespace: str) -> None:
    path = await create(kube_request, f"/apis/batch/v1/namespaces/{namespace}/jobs", a_job())
    found = await kube_request.until(path, has_condition("Complete"))
    assert found["status"]["succeeded"] == 1


@needs_controllers
async def test_a_job_whose_pod_ends_with_an_error_fails(kube_request: KubeRequest, namespace: str) -> None:
    job = a_job(annotations={EXIT_CODE: "1"})
    path = await create(kube_request, f"/apis/batch/v1/namespaces/{namespace}/jobs", job)
    found = await kube_request.until(path, has_condition("Failed"))
    assert found["status"]["failed"] == 1


@needs_controllers
async def test_a_deleted_namespace_is_gone_soon_with_all_that_ran_in_it(
    kube_request: KubeRequest, namespace: str
) -> None:
    path = await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", a_deployment())
    await kube_request.until(path, has_condition("Available"))
    await kube_request("DELETE", f"/api/v1/namespaces/{namespace}")
    await kube_request.until(f"/api/v1/namespaces/{namespace}", lambda answer: answer.status == 404)


@needs_controllers
async def test_deleting_an_owner_in_the_foreground_takes_its_pods_first(
    kube_request: KubeRequest, namespace: str
) -> None:
    path = await create(kube_request, f"/apis/apps/v1/namespaces/{namespace}/deployments", a_deployment())
    await kube_request.until(path, has_condition("Available"))
    await kube_request("DELETE", path, {"propagationPolicy": "Foreground"})
    await kube_request.until(path, lambda answer: answer.status == 404)
    _, pods = await kube_request("GET", f"/api/v1/namespaces/{namespace}/pods")
    assert pods["items"] == []


async def test_a_token_for_audience_pilothouse_is_reviewed_but_useless_at_the_api_server(
    kube_request: KubeRequest, namespace: str
) -> None:
    await create(kube_request, f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "ci"}})
    token = await kube_request.account_token(namespace, "ci", ["pilothouse"])
    review = {"spec": {"token": token, "audiences": ["pilothouse"]}}
    _, answer = await kube_request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review)
    assert answer["status"]["authenticated"] is True
    assert answer["status"]["audiences"] == ["pilothouse"]
    assert answer["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:ci"
    assert (await kube_request("GET", "/api", token=token)).status == 401


async def test_people_have_no_rights_until_a_role_is_bound_to_them(
    control_plane: Coordinates, kube_request: KubeRequest, namespace: str
) -> None:
    path, token = f"/api/v1/namespaces/{namespace}/configmaps", control_plane.tokens["alice"]
    assert (await kube_request("GET", path, token=token)).status == 403
    binding = {
        "metadata": {"name": "alice"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "alice"}],
    }
    await create(kube_request, f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings", binding)
    for _ in range(100):  # the authorizer learns of it by a watch
        if (await kube_request("GET", path, token=token)).status == 200:
            return
        await asyncio.sleep(0.05)
    pytest.fail("alice may still not read ConfigMaps")


async def test_the_server_says_its_real_version(kube_request: KubeRequest) -> None:
    _, version = await kube_request("GET", "/version")
    assert version["gitVersion"].startswith("v1.")
    assert (version["major"], version["minor"]) == ("1", version["gitVersion"].split(".")[1])


def is_running(pid: int) -> bool:
    """Whether the process still runs; a dead one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def a_plane_from_the_command_line(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m tests.controlplane run`, as a person starts it, once it has said where its kubeconfig is."""
    command = [sys.executable, "-m", "tests.controlplane", "run", "--dir", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().decode().strip() == f"export KUBECONFIG={folder / 'kubeconfig'}"
            yield process
        finally:
            process.kill()


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_nothing_is_left_running_however_the_plane_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    with a_plane_from_the_command_line(tmp_path) as process:
        pids = json.loads((tmp_path / "plane.json").read_text())["pids"]
        assert {"etcd", "kube-apiserver", "kubelet"} <= pids.keys()
        assert all(is_running(pid) for pid in pids.values())
        process.send_signal(number)
        deadline = time.monotonic() + 10
        while left := [name for name, pid in pids.items() if is_running(pid)]:
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.02)
        assert process.wait(10) == (-signal.SIGKILL if number == signal.SIGKILL else 0)


@pytest.mark.alone
@needs_controllers
async def test_the_api_server_can_be_killed_and_comes_back_with_everything_and_controllers_go_on(
    control_plane: Coordinates,
) -> None:
    plane = await asyncio.to_thread(ControlPlane)
    await asyncio.to_thread(plane.start)
    try:
        deployments = "/apis/apps/v1/namespaces/default/deployments"
        async with open_session(plane.coordinates) as session:
            kube_request = KubeRequest(session, plane.coordinates)
            path = await create(kube_request, deployments, a_deployment(image="web:broken"))
            await asyncio.to_thread(plane.stop_apiserver)
            with pytest.raises(OSError, match="Connect"):
                await kube_request("GET", path)
            await asyncio.to_thread(plane.start_apiserver)
            containers = [{"name": "main", "image": "web:1"}]
            await kube_request("PATCH", path, {"spec": {"template": {"spec": {"containers": containers}}}})
            await kube_request.until(path, has_condition("Available"))
    finally:
        await asyncio.to_thread(plane.stop)
    assert os.path.exists(control_plane.kubeconfig)
