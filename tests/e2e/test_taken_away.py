"""A namespace or a CRD that somebody deletes takes along all that is in it: all of it comes back."""

from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, crd, deployment, docs, service, text
from tests.e2e.watched import Watched
from tests.valkey import until

BACK_S = 30.0
"""Longest time until it is back; the API server takes seconds to empty a namespace."""


async def test_a_namespace_that_was_deleted_comes_back_with_everything_in_it(watched: Watched) -> None:
    flow = watched.flow
    name = f"own-{flow.token}"
    flow.leftovers.append(("Namespace", name))
    destination = {"name": "in-cluster", "namespace": name}
    body = docs(config_map(), service(), deployment())
    await watched.deploy(body, syncPolicy=automated("CreateNamespace=true"), destination=destination)
    uid = (await flow.live("Namespace", name))["metadata"]["uid"]
    await flow.delete("Namespace", name)
    await until(lambda: _is_another(flow, name, uid), within_s=BACK_S)
    for kind in ("ConfigMap", "Service", "Deployment"):
        await until(lambda kind=kind: flow.get(kind, "web", name), within_s=BACK_S)
    await until(lambda: _is_synced(flow))
    await until(lambda: _is_told(flow, f"ConfigMap {name}/web (it was gone)"))


async def _is_told(flow: Flow, words: str) -> bool:
    return words in str((await flow.events()).get("DriftHealed"))


async def _is_another(flow: Flow, name: str, uid: str) -> bool:
    found = await flow.get("Namespace", name)
    return found is not None and found["metadata"]["uid"] != uid


async def _is_synced(flow: Flow) -> bool:
    return (await flow.words())[::2] == ("Synced", "Succeeded")


async def test_a_crd_that_was_deleted_comes_back_with_its_objects(watched: Watched) -> None:
    flow = watched.flow
    group = f"x{flow.token}.example.org"
    flow.leftovers.append(("CustomResourceDefinition", f"things.{group}"))
    thing = text(f"{group}/v1", "Thing", "one", {"spec": {"size": 1}})
    await watched.deploy(docs(crd("things", "Thing", group), thing))
    path = f"/apis/{group}/v1/namespaces/{flow.namespace}/things/one"
    uid = (await flow.ground.kube("GET", path)).body["metadata"]["uid"]
    await flow.delete("CustomResourceDefinition", f"things.{group}")
    await until(lambda: _is_there_again(flow, path, uid), within_s=BACK_S)
    await until(lambda: _is_put_back(flow, path), within_s=BACK_S)


async def _is_there_again(flow: Flow, path: str, uid: str) -> bool:
    answer = await flow.ground.kube("GET", path)
    return answer.status == 200 and answer.body["metadata"]["uid"] != uid


async def _is_put_back(flow: Flow, path: str) -> bool:
    """Whether an edit is put back; it is made anew until then, since the watch on the kind begins a moment later."""
    answer = await flow.ground.kube("PATCH", path, {"spec": {"size": 2}}, params={"fieldManager": "kubectl-edit"})
    assert answer.status == 200
    return bool((await flow.ground.kube("GET", path)).body["spec"]["size"] == 1)
