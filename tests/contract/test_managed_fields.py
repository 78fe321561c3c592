"""managedFields beside apply: what updates own, how entries are renamed and cleared, what the status owns."""

import pytest

from tests.contract.api import APPLY, APPS, CORE, JSON_PATCH, Api, owners
from tests.contract.manifests import config_map, workload


async def test_an_update_owns_what_it_changed(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v", "same": "1"}))
    changed = (await api.patch(path, {"data": {"k": "w", "new": "1"}}, fieldManager="hand")).body
    assert owners(changed) == {"one": {"f:data": {"f:same": {}}}, "hand": {"f:data": {"f:k": {}, "f:new": {}}}}


async def test_an_update_that_removes_a_field_takes_it_from_all(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v", "same": "1"}))
    changed = (await api.patch(path, {"data": {"k": None}}, fieldManager="hand")).body
    assert owners(changed) == {"one": {"f:data": {"f:same": {}}}}


async def test_the_user_agent_names_the_manager(api: Api) -> None:
    headers = {"User-Agent": "kubectl/v1.36.3 (linux/amd64)"}
    made = await api("POST", api.path(CORE, "configmaps"), config_map(data={"k": "v"}), headers=headers)
    (entry,) = made.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubectl", "Update")


async def test_entries_of_one_manager_are_apart_by_operation(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v"}))
    changed = (await api.patch(path, {"data": {"n": "1"}}, fieldManager="one")).body
    operations = [(entry["manager"], entry["operation"]) for entry in changed["metadata"]["managedFields"]]
    assert operations == [("one", "Apply"), ("one", "Update")]


async def test_what_a_create_owns_includes_the_defaults(api: Api) -> None:
    made = await api.create(api.path(APPS, "deployments"), workload(paused=True, replicas=0))
    spec = owners(made)["contract"]["f:spec"]
    assert spec["f:strategy"] == {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}}
    container = spec["f:template"]["f:spec"]["f:containers"]['k:{"name":"web"}']
    assert container.keys() == {
        ".", "f:image", "f:imagePullPolicy", "f:name", "f:resources", "f:terminationMessagePath",
        "f:terminationMessagePolicy",
    }  # fmt: skip
    assert "f:status" not in owners(made)["contract"]


async def test_entries_can_be_renamed_by_a_metadata_only_patch(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    made = await api.create(api.path(APPS, "deployments"), workload(paused=True, replicas=0), fieldManager="helm")
    entry = {**made["metadata"]["managedFields"][0], "manager": "one", "operation": "Apply"}
    renamed = await api.patch(
        path, [{"op": "replace", "path": "/metadata/managedFields/0", "value": entry}], JSON_PATCH
    )
    assert renamed.status == 200
    assert "helm" not in owners(renamed.body)
    assert renamed.body["metadata"]["generation"] == made["metadata"]["generation"]
    pruned = await api.applied(path, workload(paused=True))
    assert pruned["spec"]["replicas"] == 1, "what helm had set and we don't is gone"


@pytest.mark.parametrize("empty", [[], [{}]])
async def test_cleared_entries_come_back_with_the_next_apply(api: Api, empty: list[dict[str, str]]) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v"}))
    cleared = await api.patch(path, {"metadata": {"managedFields": empty}})
    assert "managedFields" not in cleared.body["metadata"]
    untracked = await api.patch(path, {"data": {"n": "1"}})
    assert "managedFields" not in untracked.body["metadata"]
    applied = await api.applied(path, config_map(data={"k": "v"}))
    before = owners(applied)["before-first-apply"]
    assert before == {"f:data": {".": {}, "f:k": {}, "f:n": {}}}
    assert owners(applied)["one"] == {"f:data": {"f:k": {}}}


async def test_the_status_has_entries_of_its_own(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.applied(path, workload(paused=True, replicas=0))
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"collisionCount": 3}}
    answer = await api.patch(f"{path}/status", status, APPLY, fieldManager="one")
    assert answer.status == 200
    assert owners(answer.body)["one/status"] == {"f:status": {"f:collisionCount": {}}}
    assert "f:status" not in owners(answer.body)["one"]
    same = await api.applied(path, {**workload(paused=True, replicas=0), "status": {"collisionCount": 9}})
    assert same["status"]["collisionCount"] == 3


async def test_conditions_are_keyed_by_type(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.create(api.path(APPS, "deployments"), workload(paused=True, replicas=0))
    made = [{"type": "Odd", "status": "True"}]
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"conditions": made}}
    answer = await api.patch(f"{path}/status", status, APPLY, fieldManager="one")
    fields = owners(answer.body)["one/status"]["f:status"]["f:conditions"]
    assert fields == {'k:{"type":"Odd"}': {".": {}, "f:status": {}, "f:type": {}}}
