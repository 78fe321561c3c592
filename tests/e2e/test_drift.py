"""What is drift and is put back, and what differs without being drift (design.md, part 4)."""

from typing import Any

import pytest

from tests.e2e.harness import Flow, automated, by_hand
from tests.e2e.objects import config_map, deployment, docs, job, service, text
from tests.valkey import until

SYNCED = ("Synced", "Healthy", "Succeeded")
COMPARE = "argocd.argoproj.io/compare-options"


async def test_an_object_that_somebody_deleted_is_created_again(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.delete("ConfigMap", "web")
    await flow.sweep()
    assert await flow.get("ConfigMap", "web") is not None
    assert any("it was gone" in said for said in (await flow.events())["DriftHealed"])


async def test_without_self_heal_a_deleted_object_is_only_reported_missing(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy(syncPolicy=automated(heal=False))
    await flow.delete("ConfigMap", "old")
    await flow.sweep()
    assert await flow.get("ConfigMap", "old") is None
    assert (await flow.words())[:2] == ("OutOfSync", "Healthy")
    resources = {entry["name"]: entry for entry in (await flow.status())["resources"]}
    assert resources["old"]["health"] == {"status": "Missing"}


async def test_an_application_that_is_synced_by_hand_is_never_healed(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.deploy(syncPolicy=by_hand())
    assert (await flow.words())[:2] == ("OutOfSync", "Missing")
    await flow.operation()
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    await flow.sweep()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    assert (await flow.words())[0] == "OutOfSync"


async def test_a_heal_writes_only_what_changed(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map("a", colour="blue"), config_map("b"))})
    await flow.deploy()
    before = await flow.version("ConfigMap", "b")
    await flow.patch("ConfigMap", "a", {"data": {"colour": "red"}})
    await flow.sweep()
    assert (await flow.live("ConfigMap", "a"))["data"] == {"colour": "blue"}
    assert await flow.version("ConfigMap", "b") == before


async def test_what_controllers_write_into_a_status_is_no_drift(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment()})
    await flow.deploy()
    generation = (await flow.live("Deployment", "web"))["metadata"]["generation"]
    condition = {"type": "Seen", "status": "True", "reason": "Test", "message": "by a test"}
    await flow.patch(
        "Deployment", "web", [{"op": "add", "path": "/status/conditions/-", "value": condition}], sub="status"
    )
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert (await flow.live("Deployment", "web"))["metadata"]["generation"] == generation


async def test_replicas_that_git_leaves_to_an_autoscaler_are_no_drift(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment().replace("  replicas: 1\n", "")})
    await flow.deploy()
    await flow.patch("Deployment", "web", {"spec": {"replicas": 3}}, sub="scale", manager="kube-controller-manager")
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert (await flow.live("Deployment", "web"))["spec"]["replicas"] == 3


async def test_replicas_that_git_sets_are_put_back(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment()})
    await flow.deploy()
    await flow.patch("Deployment", "web", {"spec": {"replicas": 3}}, sub="scale", manager="somebody")
    await flow.sweep()
    assert (await flow.live("Deployment", "web"))["spec"]["replicas"] == 1


async def test_what_the_server_fills_in_is_no_drift(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(service(), deployment())})
    await flow.deploy()
    versions = [await flow.version("Service", "web")]
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert [await flow.version("Service", "web")] == versions


async def test_a_job_that_completed_is_no_drift(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": job("once")})
    await flow.deploy()
    assert await flow.words() == SYNCED
    await flow.sweep()
    assert await flow.words() == SYNCED
    assert len((await flow.status())["history"]) == 1


@pytest.mark.parametrize("life_s", [0, 1])
async def test_a_job_that_its_ttl_removed_is_no_drift(flow: Flow, life_s: int) -> None:
    life = f"spec:\n  ttlSecondsAfterFinished: {life_s}\n  backoffLimit: 0"
    flow.repo.push({"app/web.yaml": docs(job("once").replace("spec:\n  backoffLimit: 0", life), config_map())})
    await flow.create_application()
    await flow.step("app")  # one look while the run is young
    await flow.gone("Job", "once")
    await flow.settle()
    assert await flow.get("Job", "once") is None, "it ran, and is not run again"
    assert await flow.words() == SYNCED
    await flow.sweep()
    assert await flow.get("Job", "once") is None
    assert await flow.words() == SYNCED


async def test_a_hook_that_is_gone_or_changed_is_no_drift(flow: Flow) -> None:
    hook = config_map("hook", annotations={"argocd.argoproj.io/hook": "PreSync"}, colour="blue")
    flow.repo.push({"app/web.yaml": docs(config_map(), hook)})
    await flow.deploy()
    await flow.patch("ConfigMap", "hook", {"data": {"colour": "red"}})
    await flow.sweep()
    assert (await flow.live("ConfigMap", "hook"))["data"] == {"colour": "red"}
    assert await flow.words() == SYNCED
    await flow.delete("ConfigMap", "hook")
    await flow.sweep()
    assert await flow.get("ConfigMap", "hook") is None
    assert await flow.words() == SYNCED


async def test_an_object_that_is_being_deleted_is_progressing_and_created_again_once_it_is_gone(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("held", colour="blue"))})
    await flow.deploy()
    uid = (await flow.live("ConfigMap", "held"))["metadata"]["uid"]
    held = {"metadata": {"finalizers": ["test.pilothouse.dev/held"]}}
    await flow.patch("ConfigMap", "held", held, manager="some-controller")
    await flow.delete("ConfigMap", "held")
    await flow.sweep()
    assert (await flow.words())[1] == "Progressing"
    assert (await flow.live("ConfigMap", "held"))["metadata"]["uid"] == uid
    await flow.patch("ConfigMap", "held", {"metadata": {"finalizers": None}}, manager="some-controller")
    await flow.gone("ConfigMap", "held")
    await flow.sweep()
    assert (await flow.live("ConfigMap", "held"))["metadata"]["uid"] != uid
    assert await flow.words() == SYNCED


def a_mutation(flow: Flow) -> tuple[dict[str, Any], dict[str, Any]]:
    """Admission that sets `.data.colour` of ConfigMaps in the test's namespace to red on every write."""
    name = f"red-{flow.token}"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": flow.namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    expression = 'Object{data: {"colour": "red"}}'
    policy: dict[str, Any] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
        },
    }
    binding: dict[str, Any] = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    }
    return policy, binding


async def admission_paints_red(flow: Flow) -> None:
    """The policy is there and the API server heeds it."""
    for body in a_mutation(flow):
        await flow.create(body)

    async def is_red() -> bool:
        probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "probe-"}, "data": {}}
        created = await flow.create(probe)
        await flow.delete("ConfigMap", created["metadata"]["name"])
        return bool(created.get("data") == {"colour": "red"})

    await until(is_red)


@pytest.mark.cluster
async def test_what_admission_changes_is_no_drift(cluster_flow: Flow) -> None:
    flow = cluster_flow
    flow.repo.push({"app/web.yaml": config_map(size="1")})
    await flow.deploy()
    before = await flow.version("ConfigMap", "web")
    await admission_paints_red(flow)
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert await flow.version("ConfigMap", "web") == before, "an admission upgrade must not rewrite every object"


@pytest.mark.cluster
async def test_what_admission_changes_is_drift_for_an_object_that_asks_for_it(cluster_flow: Flow) -> None:
    flow = cluster_flow
    annotations = {COMPARE: "IncludeMutationWebhook=true"}
    flow.repo.push({"app/web.yaml": config_map(annotations=annotations, size="1")})
    await flow.deploy()
    await admission_paints_red(flow)
    await flow.sweep()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"size": "1", "colour": "red"}
    assert (await flow.words())[0] == "Synced"


async def test_a_secret_changed_by_hand_is_put_back_and_its_value_is_told_nowhere(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": text("v1", "Secret", "web", {"stringData": {"password": "hunter2-in-git"}})})
    await flow.deploy()
    await flow.patch("Secret", "web", {"stringData": {"password": "hunter2-by-hand"}})
    await flow.sweep()
    told = f"{await flow.app()}{await flow.events()}"
    assert ".data.password" in told
    for word in ("hunter2", "aHVudGVyMi"):
        assert word not in told
