"""What a worker answers about an Application's objects, so that the receiver need not see them."""

import json

from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, deployment, docs


async def test_manifests_are_what_the_sources_say_hooks_included(flow: Flow) -> None:
    hook = config_map("hook", annotations={"argocd.argoproj.io/hook": "PreSync"})
    revision = flow.repo.push({"app/web.yaml": docs(config_map(), hook)})
    await flow.deploy(syncPolicy=by_hand())
    answer = await flow.ask("manifests")
    bodies = {body["metadata"]["name"]: body for body in map(json.loads, answer["manifests"])}
    assert bodies.keys() == {"web", "hook"}
    assert bodies["web"]["metadata"]["namespace"] == flow.namespace
    assert answer["revisions"] == [revision]
    assert await flow.get("ConfigMap", "web") is None, "nothing is applied"


async def test_manifests_of_a_repository_that_the_project_forbids_are_not_shown(flow: Flow) -> None:
    name = f"narrow-{flow.token}"
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name}}
    await flow.create(body | {"spec": {"sourceRepos": ["https://git.example.org/*"], "destinations": []}})
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=name)
    for question in ("manifests", "managed-resources"):
        assert "spec.sourceRepos does not allow" in (await flow.ask(question))["error"]


async def test_the_tree_has_what_controllers_made_and_what_is_missing(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(deployment(), config_map())})
    await flow.deploy()
    await flow.delete("ConfigMap", "web")
    await flow.change(spec={"syncPolicy": None})
    await flow.sweep()
    answer = await flow.ask("resource-tree")
    assert answer["warnings"] == []
    kinds = [node["kind"] for node in answer["nodes"]]
    assert kinds == ["Deployment", "ReplicaSet", "Pod", "ConfigMap"]
    deployed, replicas, pod, missing = answer["nodes"]
    assert replicas["parentRefs"][0]["uid"] == deployed["uid"]
    assert pod["parentRefs"][0]["uid"] == replicas["uid"]
    assert [node["health"]["status"] for node in (deployed, replicas, pod)] == ["Healthy"] * 3
    assert pod["images"] == ["registry.example.org/web:1"]
    assert (missing["name"], missing["health"]["status"]) == ("web", "Missing")
    assert "spec" not in json.dumps(answer)


async def test_the_tree_is_shown_when_the_chart_is_broken(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.push({"app/web.yaml": "kind: [broken"})
    await flow.settle()
    assert [node["name"] for node in (await flow.ask("resource-tree"))["nodes"]] == ["web"]
    assert "error" in await flow.ask("manifests")


async def test_the_tree_has_no_object_of_another_application(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(), "other/web.yaml": config_map("other")})
    await flow.deploy()
    await flow.deploy("other", path="other")
    assert [node["name"] for node in (await flow.ask("resource-tree"))["nodes"]] == ["web"]


async def test_events_are_those_of_this_application_in_order(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(), "other/web.yaml": config_map("other")})
    await flow.deploy()
    await flow.deploy("other", path="other")
    told = await flow.events()
    answer = await flow.ask("events")
    assert sorted(item["message"] for item in answer["items"]) == sorted(
        text for texts in told.values() for text in texts
    )
    assert {item["source"] for item in answer["items"]} == {"pilothouse"}
    assert [item["lastTimestamp"] for item in answer["items"]] == sorted(
        item["lastTimestamp"] for item in answer["items"]
    )
