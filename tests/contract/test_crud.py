"""Create, read, replace and patch single objects."""

import pytest

from tests.contract.api import APPS, CORE, JSON_PATCH, METADATA, STRATEGIC, Api, causes
from tests.contract.manifests import config_map, pod_spec, service, workload

MAPS = (CORE, "configmaps")


async def test_a_new_object_gets_identity_and_an_owner_of_its_fields(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map(data={"k": "v"}, labels={"a": "b"}))
    meta = made["metadata"]
    assert (meta["namespace"], meta["name"]) == (api.namespace, "a")
    assert meta["uid"]
    assert meta["creationTimestamp"]
    assert meta["resourceVersion"].isdigit()
    (entry,) = meta["managedFields"]
    assert (entry["manager"], entry["operation"], entry["apiVersion"]) == ("contract", "Update", "v1")
    assert entry["fieldsV1"] == {"f:data": {".": {}, "f:k": {}}, "f:metadata": {"f:labels": {".": {}, "f:a": {}}}}
    assert await api.get(api.path(*MAPS, "a")) == made


async def test_a_taken_name_is_409(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    answer = await api("POST", api.path(*MAPS), config_map())
    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.body["message"] == 'configmaps "a" already exists'


async def test_a_generated_name_starts_with_its_prefix(api: Api) -> None:
    made = await api.create(api.path(*MAPS), {"metadata": {"generateName": "run-"}})
    assert made["metadata"]["name"].startswith("run-")
    assert len(made["metadata"]["name"]) == len("run-") + 5


async def test_a_missing_object_is_404_with_its_name(api: Api) -> None:
    answer = await api("GET", api.path(APPS, "deployments", "none"))
    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'deployments.apps "none" not found'
    assert answer.body["details"] == {"name": "none", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(config_map(namespace="elsewhere"), id="another namespace"),
        pytest.param({**config_map(), "kind": "Secret"}, id="another kind"),
        pytest.param({**config_map(), "apiVersion": "apps/v1"}, id="another version"),
        pytest.param(b"{no json", id="no JSON"),
    ],
)
async def test_a_body_that_does_not_belong_here_is_400(api: Api, body: object) -> None:
    answer = await api("POST", api.path(*MAPS), body)
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_a_new_object_may_not_bring_a_resource_version(api: Api) -> None:
    answer = await api("POST", api.path(*MAPS), config_map(resourceVersion="5"))
    assert answer.status == 500
    assert answer.body["message"] == "resourceVersion should not be set on objects to be created"


async def test_a_put_replaces_everything(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map(data={"k": "v"}, labels={"a": "b"}))
    answer = await api("PUT", api.path(*MAPS, "a"), config_map(data={"n": "1"}))
    assert answer.status == 200
    assert answer.body["data"] == {"n": "1"}
    assert "labels" not in answer.body["metadata"]
    assert answer.body["metadata"]["uid"] == made["metadata"]["uid"]
    assert int(answer.body["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_a_put_with_an_old_resource_version_is_409(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map())
    await api.patch(api.path(*MAPS, "a"), {"data": {"k": "v"}})
    old = made["metadata"]["resourceVersion"]
    answer = await api("PUT", api.path(*MAPS, "a"), config_map(resourceVersion=old))
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert "the object has been modified" in answer.body["message"]


async def test_a_put_with_another_uid_is_409(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    answer = await api("PUT", api.path(*MAPS, "a"), config_map(uid="11111111-0000-0000-0000-000000000000"))
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


async def test_a_write_without_a_change_keeps_the_resource_version(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map(data={"k": "v"}))
    put = await api("PUT", api.path(*MAPS, "a"), config_map(data={"k": "v"}))
    patched = await api.patch(api.path(*MAPS, "a"), {"data": {"k": "v"}})
    assert put.body == patched.body == made


async def test_a_merge_patch_removes_with_null(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map(data={"k": "v", "gone": "1"}))
    answer = await api.patch(api.path(*MAPS, "a"), {"data": {"gone": None, "new": "2"}})
    assert answer.body["data"] == {"k": "v", "new": "2"}


async def test_a_patch_with_an_old_resource_version_is_409(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map())
    await api.patch(api.path(*MAPS, "a"), {"data": {"k": "v"}})
    old = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"k": "w"}}
    assert (await api.patch(api.path(*MAPS, "a"), old)).status == 409


async def test_a_patch_may_not_change_the_uid(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    answer = await api.patch(api.path(*MAPS, "a"), {"metadata": {"uid": "x"}})
    assert (answer.status, causes(answer)) == (422, {("metadata.uid", "FieldValueInvalid")})


async def test_a_json_patch_tests_before_it_changes(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map(data={"k": "v"}))
    change = {"op": "replace", "path": "/data/k", "value": "w"}
    right = [{"op": "test", "path": "/data/k", "value": "v"}, change]
    assert (await api.patch(api.path(*MAPS, "a"), right, JSON_PATCH)).body["data"] == {"k": "w"}
    answer = await api.patch(api.path(*MAPS, "a"), right, JSON_PATCH)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert (await api.get(api.path(*MAPS, "a")))["data"] == {"k": "w"}


async def test_a_json_patch_of_a_missing_path_is_422_and_of_nonsense_400(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    remove = [{"op": "remove", "path": "/data/none"}]
    assert (await api.patch(api.path(*MAPS, "a"), remove, JSON_PATCH)).status == 422
    assert (await api.patch(api.path(*MAPS, "a"), {"op": "remove"}, JSON_PATCH)).status == 400


async def test_a_strategic_patch_merges_containers_by_name(api: Api) -> None:
    manifest = workload(paused=True, replicas=0)
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "side:1"})
    await api.create(api.path(APPS, "deployments"), manifest)
    containers = [{"name": "web", "image": "web:2"}, {"name": "side", "$patch": "delete"}]
    change = {"spec": {"template": {"spec": {"containers": containers}}}}
    answer = await api.patch(api.path(APPS, "deployments", "web"), change, STRATEGIC)
    assert [(c["name"], c["image"]) for c in answer.body["spec"]["template"]["spec"]["containers"]] == [
        ("web", "web:2")
    ]


async def test_an_unknown_patch_type_is_415(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    assert (await api.patch(api.path(*MAPS, "a"), {}, "application/json")).status == 415


async def test_metadata_alone_can_be_asked_for(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map(data={"k": "v"}))
    answer = await api("GET", api.path(*MAPS, "a"), headers={"Accept": METADATA})
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert answer.body["metadata"]["name"] == "a"
    assert "data" not in answer.body


async def test_secret_text_becomes_data(api: Api) -> None:
    secret = {"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}}
    made = await api.create(api.path(CORE, "secrets"), secret)
    assert made["data"] == {"a": "Yg==", "c": "ZA=="}
    assert made["type"] == "Opaque"
    assert "stringData" not in made


async def test_generation_counts_changes_of_the_spec_only(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    made = await api.create(api.path(APPS, "deployments"), workload(paused=True, replicas=0))
    assert made["metadata"]["generation"] == 1
    labelled = await api.patch(path, {"metadata": {"labels": {"x": "y"}}})
    assert labelled.body["metadata"]["generation"] == 1
    changed = await api.patch(path, {"spec": {"minReadySeconds": 1}})
    assert changed.body["metadata"]["generation"] == 2
    noted = await api.patch(path, {"metadata": {"annotations": {"x": "y"}}})
    assert noted.body["metadata"]["generation"] == 3, "a Deployment's annotations count too"


async def test_the_status_is_written_through_its_subresource_only(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), {**workload(paused=True, replicas=0), "status": {"replicas": 7}})
    main = await api.patch(path, {"status": {"collisionCount": 5}})
    assert "collisionCount" not in main.body["status"]
    own = await api.patch(f"{path}/status", {"status": {"collisionCount": 5}, "spec": {"replicas": 3}})
    assert own.body["status"]["collisionCount"] == 5
    assert own.body["spec"]["replicas"] == 0


async def test_scale_reads_and_sets_replicas(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload(paused=True, replicas=0))
    scale = await api.get(f"{path}/scale")
    assert (scale["kind"], scale["apiVersion"], scale["status"]["selector"]) == ("Scale", "autoscaling/v1", "app=web")
    answer = await api.patch(f"{path}/scale", {"spec": {"replicas": 2}})
    assert answer.body["spec"] == {"replicas": 2}
    assert (await api.get(path))["spec"]["replicas"] == 2


async def test_defaults_are_filled_in(api: Api) -> None:
    spec = (await api.create(api.path(APPS, "deployments"), workload(paused=True)))["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    assert spec["template"]["spec"] == {
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


async def test_what_go_leaves_out_is_left_out(api: Api) -> None:
    manifest = workload(paused=False, replicas=0)
    container = pod_spec(
        ports=[{"containerPort": 80}],
        env=[{"name": "EMPTY", "value": ""}],
        args=[],
        resources={"limits": {"cpu": "0.5", "memory": "1024Mi"}},
    )
    manifest["spec"]["template"]["spec"] = {**container, "hostNetwork": False}
    made = await api.create(api.path(APPS, "deployments"), manifest)
    assert "paused" not in made["spec"]
    assert "hostNetwork" not in made["spec"]["template"]["spec"]
    (got,) = made["spec"]["template"]["spec"]["containers"]
    assert got["env"] == [{"name": "EMPTY"}]
    assert got["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert got["resources"] == {"limits": {"cpu": "500m", "memory": "1Gi"}}
    assert "args" not in got


async def test_a_service_gets_an_address_that_stays(api: Api) -> None:
    made = await api.create(api.path(CORE, "services"), service())
    spec = made["spec"]
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (spec["type"], spec["sessionAffinity"], spec["internalTrafficPolicy"]) == ("ClusterIP", "None", "Cluster")
    put = await api("PUT", api.path(CORE, "services", "web"), service(selector={"app": "other"}))
    assert put.body["spec"]["clusterIP"] == spec["clusterIP"]
    answer = await api.patch(api.path(CORE, "services", "web"), {"spec": {"clusterIP": "10.96.200.200"}})
    assert (answer.status, causes(answer)) == (422, {("spec.clusterIPs[0]", "FieldValueInvalid")})
