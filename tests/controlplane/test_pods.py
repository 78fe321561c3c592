"""What the fake kubelet does next with a Pod."""

from typing import Any

import pytest

from tests.controlplane.pods import EXIT_CODE, JOB_DURATION_S, NEVER_READY, Bind, Remove, Report, next_step

NOW = "2026-11-23T21:00:00Z"


def a_pod(*, status: dict[str, Any] | None = None, meta: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "0a1b2c3d-0000", **(meta or {})},
        "spec": {"containers": [{"name": "main", "image": "web:1"}], "nodeName": "node-1", **spec},
        "status": status or {"phase": "Pending"},
    }


def after(pod: dict[str, Any]) -> dict[str, Any]:
    """The Pod once its next report is in."""
    step = next_step(pod, NOW)
    assert isinstance(step, Report)
    return {**pod, "status": {**pod["status"], **step.status}}


def test_a_pod_without_a_node_gets_one() -> None:
    assert next_step(a_pod(nodeName=""), NOW) == Bind()


def test_a_gated_pod_is_left_alone() -> None:
    assert next_step(a_pod(nodeName="", schedulingGates=[{"name": "wait"}]), NOW) is None


def test_a_pod_that_is_being_deleted_is_removed_whatever_its_state() -> None:
    assert next_step(a_pod(nodeName="", meta={"deletionTimestamp": NOW}), NOW) == Remove()
    assert next_step(a_pod(status={"phase": "Succeeded"}, meta={"deletionTimestamp": NOW}), NOW) == Remove()


def test_a_bound_pod_gets_ready_and_then_needs_nothing() -> None:
    pod = after(a_pod())
    assert pod["status"]["phase"] == "Running"
    assert {"type": "Ready", "status": "True"}.items() <= pod["status"]["conditions"][-1].items()
    assert next_step(pod, NOW) is None


def test_init_containers_have_ended_and_sidecars_run() -> None:
    inits = [{"name": "setup", "image": "a:1"}, {"name": "proxy", "image": "b:1", "restartPolicy": "Always"}]
    setup, proxy = after(a_pod(initContainers=inits))["status"]["initContainerStatuses"]
    assert setup["state"]["terminated"]["exitCode"] == 0
    assert "running" in proxy["state"]


@pytest.mark.parametrize("restart", ["Never", "OnFailure"])
@pytest.mark.parametrize(("code", "phase"), [("0", "Succeeded"), ("1", "Failed")])
def test_a_jobs_pod_runs_for_a_moment_and_ends_with_the_code_asked_for(restart: str, code: str, phase: str) -> None:
    running = after(a_pod(restartPolicy=restart, meta={"annotations": {EXIT_CODE: code}}))
    assert running["status"]["phase"] == "Running"
    step = next_step(running, NOW)
    assert isinstance(step, Report)
    assert step.after_s == JOB_DURATION_S
    ended = after(running)
    assert ended["status"]["phase"] == phase
    assert ended["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == int(code)
    assert next_step(ended, NOW) is None


@pytest.mark.parametrize("image", ["web:broken", "registry.test:5000/shop/web:broken", f"web:broken@sha256:{'0' * 64}"])
def test_a_broken_image_waits_and_is_reported_once(image: str) -> None:
    pod = after(a_pod(containers=[{"name": "main", "image": image}]))
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert next_step(pod, NOW) is None


@pytest.mark.parametrize("image", ["broken", "registry.test:5000/broken", "web:broken-not"])
def test_only_the_tag_makes_an_image_broken(image: str) -> None:
    assert after(a_pod(containers=[{"name": "main", "image": image}]))["status"]["phase"] == "Running"


def test_a_pod_waits_until_its_annotation_is_taken_away() -> None:
    waiting = after(a_pod(meta={"annotations": {NEVER_READY: "true"}}))
    assert waiting["status"]["phase"] == "Pending"
    assert next_step(waiting, NOW) is None
    waiting["metadata"]["annotations"] = {}
    assert after(waiting)["status"]["phase"] == "Running"
