"""What controllers make of workloads: pods, status, failure, and the addresses behind Services."""

from typing import Any

import pytest

from tests.contract.api import APPS, BATCH, CORE, Answer, Api
from tests.contract.manifests import config_map, job, service, workload

REVISION = "deployment.kubernetes.io/revision"
SLICES = "/apis/discovery.k8s.io/v1"


def condition(obj: Any, kind: str) -> Any:
    found = [item for item in obj.get("status", {}).get("conditions") or [] if item["type"] == kind]
    return found[0] if found else {}


def rolled_out(answer: Answer) -> bool:
    obj = answer.body
    status = obj.get("status", {})
    wanted = obj["spec"].get("replicas", 1)
    return bool(
        status.get("observedGeneration") == obj["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == status.get("availableReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
    )


async def test_a_deployment_rolls_out(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload(replicas=2))
    done = await api.until(
        path, lambda a: rolled_out(a) and condition(a.body, "Progressing")["reason"] == "NewReplicaSetAvailable"
    )
    assert condition(done, "Available")["status"] == "True"
    assert (done["status"]["readyReplicas"], "unavailableReplicas" in done["status"]) == (2, False)
    assert done["metadata"]["annotations"] == {REVISION: "1"}
    (replicas,) = (await api.get(api.path(APPS, "replicasets")))["items"]
    (owner,) = replicas["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Deployment", done["metadata"]["uid"], True)
    digest = replicas["metadata"]["labels"]["pod-template-hash"]
    assert replicas["metadata"]["name"] == f"web-{digest}"
    assert replicas["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": digest}
    pods = (await api.get(api.path(CORE, "pods")))["items"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["metadata"]["labels"] == {"app": "web", "pod-template-hash": digest}
        assert pod["metadata"]["ownerReferences"][0]["uid"] == replicas["metadata"]["uid"]
        assert (pod["status"]["phase"], condition(pod, "Ready")["status"]) == ("Running", "True")
        assert pod["spec"]["nodeName"]


async def test_a_new_image_replaces_the_pods(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload())
    await api.until(path, rolled_out)
    await api.applied(path, workload(image="web:2"), force="true")
    await api.until(path, rolled_out)

    def only_new(answer: Answer) -> bool:
        return [pod["spec"]["containers"][0]["image"] for pod in answer.body["items"]] == ["web:2"]

    await api.until(api.path(CORE, "pods"), only_new)
    sets = (await api.get(api.path(APPS, "replicasets")))["items"]
    assert sorted(item["spec"]["replicas"] for item in sets) == [0, 1]
    back = await api.applied(path, workload(image="web:1"), force="true")
    assert back["metadata"]["generation"] == 3
    await api.until(
        path, lambda a: rolled_out(a) and a.body["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
    )
    assert len((await api.get(api.path(APPS, "replicasets")))["items"]) == 2, "the old one is taken up again"


async def test_a_broken_image_misses_its_deadline_while_the_old_pods_run(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload(progressDeadlineSeconds=1))
    await api.until(path, rolled_out)
    await api.applied(path, workload(image="web:broken", progressDeadlineSeconds=1), force="true")
    late = await api.until(path, lambda a: condition(a.body, "Progressing").get("reason") == "ProgressDeadlineExceeded")
    assert condition(late, "Progressing")["status"] == "False"
    assert condition(late, "Available")["status"] == "True"
    assert (late["status"]["availableReplicas"], late["status"]["unavailableReplicas"]) == (1, 1)
    pods = (await api.get(api.path(CORE, "pods")))["items"]
    waiting = [
        c["state"]["waiting"]["reason"]
        for p in pods
        for c in p["status"]["containerStatuses"]
        if "waiting" in c["state"]
    ]
    assert waiting == ["ImagePullBackOff"]


async def test_scaling_down_removes_pods(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload(replicas=2))
    await api.until(path, rolled_out)
    await api.patch(path, {"spec": {"replicas": 0}})
    await api.until(path, lambda a: rolled_out(a) and "replicas" not in a.body["status"])
    await api.until(api.path(CORE, "pods"), lambda answer: not answer.body["items"])


async def test_a_paused_deployment_does_nothing(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload(paused=True))
    paused = await api.until(path, lambda a: bool(condition(a.body, "Progressing")))
    progress = condition(paused, "Progressing")
    assert (progress["status"], progress["reason"]) == ("Unknown", "DeploymentPaused")
    assert (await api.get(api.path(APPS, "replicasets")))["items"] == []


async def test_a_stateful_set_numbers_its_pods_and_claims(api: Api) -> None:
    path = api.path(APPS, "statefulsets", "web")
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    templates = [{"metadata": {"name": "data"}, "spec": claim}]
    manifest = workload("StatefulSet", serviceName="web", replicas=2, volumeClaimTemplates=templates)
    await api.create(api.path(APPS, "statefulsets"), manifest)
    done = await api.until(path, lambda a: a.body["status"].get("readyReplicas") == 2)
    assert done["status"]["currentRevision"] == done["status"]["updateRevision"]
    pods = (await api.get(api.path(CORE, "pods")))["items"]
    assert [pod["metadata"]["name"] for pod in pods] == ["web-0", "web-1"]
    claims = (await api.get(api.path(CORE, "persistentvolumeclaims")))["items"]
    assert [item["metadata"]["name"] for item in claims] == ["data-web-0", "data-web-1"]


async def test_a_stateful_set_replaces_its_pods(api: Api) -> None:
    path = api.path(APPS, "statefulsets", "web")
    await api.applied(path, workload("StatefulSet", serviceName="web"))
    await api.until(path, lambda a: a.body["status"].get("readyReplicas") == 1)
    await api.applied(path, workload("StatefulSet", image="web:2", serviceName="web"))

    def replaced(answer: Answer) -> bool:
        status = answer.body["status"]
        return bool(status.get("readyReplicas") == 1 and status["currentRevision"] == status["updateRevision"]) and (
            status["observedGeneration"] == 2
        )

    await api.until(path, replaced)
    (pod,) = (await api.get(api.path(CORE, "pods")))["items"]
    assert (pod["metadata"]["name"], pod["spec"]["containers"][0]["image"]) == ("web-0", "web:2")


async def test_a_daemon_set_runs_on_the_node(api: Api) -> None:
    path = api.path(APPS, "daemonsets", "web")
    await api.create(api.path(APPS, "daemonsets"), workload("DaemonSet"))
    done = await api.until(path, lambda a: a.body["status"].get("numberAvailable") == 1)
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled")
    assert [done["status"][name] for name in counts] == [1, 1, 1, 1]


async def test_a_job_completes(api: Api) -> None:
    path = api.path(BATCH, "jobs", "job")
    await api.create(api.path(BATCH, "jobs"), job())
    done = await api.until(path, lambda a: bool(condition(a.body, "Complete")))
    assert (done["status"]["succeeded"], condition(done, "Complete")["status"]) == (1, "True")
    assert done["status"]["completionTime"]
    (pod,) = (await api.get(api.path(CORE, "pods")))["items"]
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["metadata"]["labels"]["job-name"] == "job"


async def test_a_job_fails_when_its_pods_do(api: Api) -> None:
    path = api.path(BATCH, "jobs", "job")
    await api.create(api.path(BATCH, "jobs"), job(annotations={"test.pilothouse.dev/exit-code": "1"}, backoffLimit=0))
    failed = await api.until(path, lambda a: bool(condition(a.body, "Failed")))
    assert condition(failed, "Failed")["reason"] == "BackoffLimitExceeded"
    assert failed["status"]["failed"] == 1


async def test_a_finished_job_goes_when_its_time_is_over(api: Api) -> None:
    await api.create(api.path(BATCH, "jobs"), job(ttlSecondsAfterFinished=0))
    await api.until(api.path(BATCH, "jobs", "job"), lambda answer: answer.status == 404)
    await api.until(api.path(CORE, "pods"), lambda answer: not answer.body["items"])


async def test_a_lone_pod_that_does_not_restart_ends(api: Api) -> None:
    spec = {"containers": [{"name": "c", "image": "web:1"}], "restartPolicy": "Never"}
    await api.create(api.path(CORE, "pods"), {"metadata": {"name": "p"}, "spec": spec})
    await api.until(api.path(CORE, "pods", "p"), lambda a: a.body["status"]["phase"] == "Succeeded")


async def test_a_deleted_pod_goes_after_its_grace(api: Api) -> None:
    path = api.path(CORE, "pods", "p")
    spec = {"containers": [{"name": "c", "image": "web:1"}]}
    await api.create(api.path(CORE, "pods"), {"metadata": {"name": "p"}, "spec": spec})
    await api.until(path, lambda a: a.body["status"]["phase"] == "Running")
    answer = await api("DELETE", path)
    assert answer.body["metadata"]["deletionGracePeriodSeconds"] == 30
    await api.until(path, lambda answer: answer.status == 404)


@pytest.mark.parametrize("labels", [{"pilothouse.dev/application": "a.b", "x": "y"}])
async def test_the_addresses_behind_a_service_carry_its_labels(api: Api, labels: dict[str, str]) -> None:
    manifest = service()
    manifest["metadata"]["labels"] = labels
    made = await api.create(api.path(CORE, "services"), manifest)
    await api.create(api.path(APPS, "deployments"), workload())

    def has_address(answer: Answer) -> bool:
        return answer.status == 200 and any(s.get("addresses") for s in answer.body.get("subsets") or [])

    endpoints = await api.until(api.path(CORE, "endpoints", "web"), has_address)
    assert labels.items() <= endpoints["metadata"]["labels"].items()
    assert "ownerReferences" not in endpoints["metadata"]
    assert endpoints["subsets"][0]["ports"] == [{"port": 80, "protocol": "TCP"}]
    (found,) = (await api.get(api.path(SLICES, "endpointslices")))["items"]
    assert labels.items() <= found["metadata"]["labels"].items()
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert found["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert "f:labels" in str(found["metadata"]["managedFields"])
    await api("DELETE", api.path(CORE, "services", "web"))
    await api.until(api.path(CORE, "endpoints", "web"), lambda answer: answer.status == 404)
    await api.until(api.path(SLICES, "endpointslices"), lambda answer: not answer.body["items"])


async def test_a_config_map_is_left_alone_by_all_controllers(api: Api) -> None:
    made = await api.create(api.path(CORE, "configmaps"), config_map(data={"k": "v"}))
    await api.create(api.path(BATCH, "jobs"), job())
    await api.until(api.path(BATCH, "jobs", "job"), lambda a: bool(condition(a.body, "Complete")))
    assert await api.get(api.path(CORE, "configmaps", "a")) == made
