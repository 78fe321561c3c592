"""Deleting: preconditions, finalizers, propagation to dependants."""

import pytest

from tests.contract.api import APPS, BATCH, CORE, Answer, Api
from tests.contract.manifests import Manifest, config_map, job, workload

MAPS = (CORE, "configmaps")


def is_gone(answer: Answer) -> bool:
    return answer.status == 404


async def dependant(api: Api, name: str, owner: Manifest, **reference: object) -> None:
    """A ConfigMap that a ConfigMap owns."""
    to = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
    await api.create(api.path(*MAPS), config_map(name, ownerReferences=[{**to, **reference}]))


async def test_a_delete_answers_with_what_it_deleted(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map())
    answer = await api("DELETE", api.path(*MAPS, "a"))
    assert (answer.status, answer.body["kind"], answer.body["status"]) == (200, "Status", "Success")
    assert answer.body["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert (await api("DELETE", api.path(*MAPS, "a"))).status == 404


async def test_some_kinds_answer_with_their_last_state(api: Api) -> None:
    await api.create(api.path(CORE, "serviceaccounts"), {"metadata": {"name": "bot"}})
    answer = await api("DELETE", api.path(CORE, "serviceaccounts", "bot"))
    assert (answer.status, answer.body["kind"]) == (200, "ServiceAccount")


@pytest.mark.parametrize("precondition", ["uid", "resourceVersion"])
async def test_a_precondition_that_fails_is_409(api: Api, precondition: str) -> None:
    made = await api.create(api.path(*MAPS), config_map())
    wrong = await api("DELETE", api.path(*MAPS, "a"), {"preconditions": {precondition: "1"}})
    assert (wrong.status, wrong.body["reason"]) == (409, "Conflict")
    assert "in the precondition (1) does not match" in wrong.body["message"]
    right = {"preconditions": {key: made["metadata"][key] for key in ("uid", "resourceVersion")}}
    assert (await api("DELETE", api.path(*MAPS, "a"), right)).status == 200


async def test_a_finalizer_holds_an_object_back_until_it_is_taken_off(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map(finalizers=["x.dev/hold"]))
    answer = await api("DELETE", api.path(*MAPS, "a"))
    assert (answer.status, answer.body["kind"]) == (200, "ConfigMap")
    meta = answer.body["metadata"]
    assert meta["deletionTimestamp"]
    assert meta["deletionGracePeriodSeconds"] == 0
    again = await api("DELETE", api.path(*MAPS, "a"))
    assert again.body["metadata"] == meta, "a second delete changes nothing"
    assert (await api.patch(api.path(*MAPS, "a"), {"metadata": {"finalizers": None}})).status == 200
    assert (await api("GET", api.path(*MAPS, "a"))).status == 404


async def test_no_finalizer_is_added_to_an_object_that_goes(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map(finalizers=["x.dev/hold"]))
    await api("DELETE", api.path(*MAPS, "a"))
    more = {"metadata": {"finalizers": ["x.dev/hold", "x.dev/more"]}}
    assert (await api.patch(api.path(*MAPS, "a"), more)).status == 422
    await api.patch(api.path(*MAPS, "a"), {"metadata": {"finalizers": None}})


async def test_an_apply_without_a_difference_to_an_object_that_goes_is_200(api: Api) -> None:
    await api.applied(api.path(*MAPS, "a"), config_map(data={"k": "v"}, finalizers=["x.dev/hold"]))
    await api("DELETE", api.path(*MAPS, "a"))
    again = await api.apply(api.path(*MAPS, "a"), config_map(data={"k": "v"}, finalizers=["x.dev/hold"]))
    assert (again.status, "deletionTimestamp" in again.body["metadata"]) == (200, True)
    await api.patch(api.path(*MAPS, "a"), {"metadata": {"finalizers": None}})


async def test_an_unknown_propagation_is_422(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    answer = await api("DELETE", api.path(*MAPS, "a"), propagationPolicy="Sideways")
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


async def test_dependants_go_after_their_owner(api: Api) -> None:
    owner = await api.create(api.path(*MAPS), config_map("owner"))
    await dependant(api, "child", owner)
    await api("DELETE", api.path(*MAPS, "owner"), propagationPolicy="Background")
    await api.until(api.path(*MAPS, "child"), is_gone)


async def test_in_the_foreground_the_owner_waits_for_its_dependants(api: Api) -> None:
    owner = await api.create(api.path(*MAPS), config_map("owner"))
    await dependant(api, "child", owner, blockOwnerDeletion=True)
    await api.patch(api.path(*MAPS, "child"), {"metadata": {"finalizers": ["x.dev/hold"]}})
    answer = await api("DELETE", api.path(*MAPS, "owner"), {"propagationPolicy": "Foreground"})
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    child = await api.until(api.path(*MAPS, "child"), lambda a: "deletionTimestamp" in a.body["metadata"])
    assert child["metadata"]["finalizers"] == ["x.dev/hold"]
    assert (await api("GET", api.path(*MAPS, "owner"))).status == 200
    await api.patch(api.path(*MAPS, "child"), {"metadata": {"finalizers": None}})
    await api.until(api.path(*MAPS, "owner"), is_gone)


async def test_orphans_stay_without_their_owner(api: Api) -> None:
    owner = await api.create(api.path(*MAPS), config_map("owner"))
    await dependant(api, "child", owner)
    await api("DELETE", api.path(*MAPS, "owner"), propagationPolicy="Orphan")
    await api.until(api.path(*MAPS, "owner"), is_gone)
    child = await api.get(api.path(*MAPS, "child"))
    assert "ownerReferences" not in child["metadata"]


async def test_an_object_with_an_owner_that_never_was_is_collected(api: Api) -> None:
    ghost = {"metadata": {"name": "ghost", "uid": "11111111-0000-0000-0000-000000000000"}}
    await dependant(api, "child", ghost)
    await api.until(api.path(*MAPS, "child"), is_gone)


async def test_a_deployments_pods_go_with_it(api: Api) -> None:
    await api.create(api.path(APPS, "deployments"), workload())
    await api.until(api.path(CORE, "pods"), lambda answer: len(answer.body["items"]) == 1)
    await api("DELETE", api.path(APPS, "deployments", "web"))
    await api.until(api.path(APPS, "replicasets"), lambda answer: not answer.body["items"])
    await api.until(api.path(CORE, "pods"), lambda answer: not answer.body["items"])


async def test_a_jobs_pods_stay_unless_asked_for(api: Api) -> None:
    await api.create(api.path(BATCH, "jobs"), job())
    await api.until(api.path(CORE, "pods"), lambda answer: len(answer.body["items"]) == 1)
    answer = await api("DELETE", api.path(BATCH, "jobs", "job"))
    assert "child pods are preserved by default" in answer.headers["Warning"]
    await api.until(api.path(BATCH, "jobs", "job"), is_gone)
    (pod,) = (await api.get(api.path(CORE, "pods")))["items"]
    assert "ownerReferences" not in pod["metadata"]
