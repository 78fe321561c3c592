"""Objects that other tools applied become ours, so what Git drops goes; what a controller wrote stays its own."""

import json
from typing import Any

import pytest

from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, deployment

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def a_config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data}


async def by_kubectl_apply(flow: Flow) -> None:
    body = a_config_map(kept="old", dropped="old")
    body["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(body)}
    await flow.create(body, manager="kubectl-client-side-apply")


async def by_kubectl_server_side(flow: Flow) -> None:
    await flow.apply(a_config_map(kept="old", dropped="old"), manager="kubectl")


async def by_kubectl_edit(flow: Flow) -> None:
    await flow.create(a_config_map(kept="old"), manager="kubectl-create")
    await flow.patch("ConfigMap", "web", {"data": {"dropped": "old"}}, manager="kubectl-edit")


async def by_helm(flow: Flow) -> None:
    await flow.create(a_config_map(kept="old", dropped="old"), manager="helm")


async def by_argo_cd(flow: Flow) -> None:
    await flow.apply(a_config_map(kept="old", dropped="old"), manager="argocd-controller")


async def by_argo_cd_client_side(flow: Flow) -> None:
    await flow.create(a_config_map(kept="old", dropped="old"), manager="argocd-controller")


TOOLS = [
    by_kubectl_apply,
    by_kubectl_server_side,
    by_kubectl_edit,
    by_helm,
    by_argo_cd,
    by_argo_cd_client_side,
]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
async def test_a_field_that_git_does_not_have_goes_when_an_object_is_taken_over(flow: Flow, tool: Any) -> None:
    await tool(flow)
    uid = (await flow.live("ConfigMap", "web"))["metadata"]["uid"]
    flow.repo.push({"app/web.yaml": config_map(kept="new")})
    await flow.deploy()
    found = await flow.live("ConfigMap", "web")
    assert found["metadata"]["uid"] == uid
    assert found["data"] == {"kept": "new"}
    assert {entry["manager"] for entry in found["metadata"]["managedFields"]} == {"pilothouse"}
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_a_field_that_git_drops_later_goes_too(flow: Flow) -> None:
    await by_helm(flow)
    flow.repo.push({"app/web.yaml": config_map(kept="new", dropped="new")})
    await flow.deploy()
    await flow.push({"app/web.yaml": config_map(kept="new")})
    await flow.settle()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"kept": "new"}


async def test_a_field_that_somebody_adds_by_hand_is_drift_and_goes(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(kept="new")})
    await flow.deploy()
    await flow.patch("ConfigMap", "web", {"data": {"added": "by hand"}}, manager="kubectl-edit")
    await flow.sweep()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"kept": "new"}
    assert any(".data.added" in said for said in (await flow.events())["DriftHealed"])


async def test_a_field_that_a_controller_adds_is_no_drift(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(kept="new")})
    await flow.deploy()
    await flow.patch("ConfigMap", "web", {"metadata": {"annotations": {"seen": "yes"}}}, manager="some-controller")
    before = await flow.version("ConfigMap", "web")
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert await flow.version("ConfigMap", "web") == before


async def test_a_rollout_restart_is_no_drift_and_survives_the_next_sync(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment()})
    await flow.deploy()
    restarted = {"kubectl.kubernetes.io/restartedAt": "2026-11-01T12:00:00Z"}
    change = {"spec": {"template": {"metadata": {"annotations": restarted}}}}
    await flow.patch("Deployment", "web", change, manager="kubectl-rollout")
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    await flow.push({"app/web.yaml": deployment(image="registry.example.org/web:2")})
    await flow.settle()
    template = (await flow.live("Deployment", "web"))["spec"]["template"]
    assert template["metadata"]["annotations"] == restarted
    assert template["spec"]["containers"][0]["image"] == "registry.example.org/web:2"


async def test_an_object_that_changes_under_our_hands_is_read_again_before_it_is_taken(flow: Flow) -> None:
    """Adoption carries the resourceVersion that was observed: a stale one would put an old value back."""
    await by_helm(flow)
    flow.repo.push({"app/web.yaml": config_map(kept="new")})
    await flow.deploy()
    for count in range(3):
        await flow.patch("ConfigMap", "web", {"data": {f"added-{count}": "x"}}, manager="helm")
        await flow.sweep()
        assert (await flow.live("ConfigMap", "web"))["data"] == {"kept": "new"}
