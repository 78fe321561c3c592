"""A sync to the source of an earlier deployment, as `.status.history` has it: what the API's rollback asks for.

https://argo-cd.readthedocs.io/en/stable/user-guide/commands/argocd_app_rollback/
"""

from typing import Any

from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, deployment

CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n",
    "chart/values.yaml": "extra: older\n",
    "chart/templates/web.yaml": """apiVersion: v1
kind: ConfigMap
metadata: {name: web}
data: {colour: "{{ .Values.colour }}", extra: "{{ .Values.extra }}"}
""",
}


def source(flow: Flow, path: str, **more: Any) -> dict[str, Any]:
    return {"repoURL": flow.url, "path": path, "targetRevision": "main", **more}


async def test_a_rollback_deploys_the_source_of_the_history_at_its_commit(flow: Flow) -> None:
    flow.repo.push({"old/web.yaml": config_map(colour="blue")})
    await flow.deploy(syncPolicy=by_hand(), source=source(flow, "old"))
    await flow.operation()
    await flow.push({"old/web.yaml": config_map(colour="green"), "new/web.yaml": config_map(colour="red")})
    await flow.change(spec={"source": source(flow, "new")})
    app = await flow.operation()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    then = app["status"]["history"][0]
    app = await flow.operation(source=then["source"], revision=then["revision"], prune=True)
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}, "as it was then, not as it is now"
    entry = app["status"]["history"][-1]
    assert (entry["id"], entry["source"], entry["revision"]) == (2, source(flow, "old"), then["revision"])
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    await flow.sweep()
    assert (await flow.words())[0] == "OutOfSync", "against the spec"
    assert (await flow.status())["sync"]["comparedTo"]["source"] == source(flow, "new")


async def test_a_rollback_of_several_sources_takes_each_to_its_own_commit(flow: Flow) -> None:
    values = flow.another_repo("values")
    values.push({"web.yaml": "colour: blue\n"})
    flow.repo.push(CHART)
    chart = source(flow, "chart", helm={"valueFiles": ["$v/web.yaml"]})
    lent = {"repoURL": flow.url_of(values), "targetRevision": "main", "ref": "v"}
    await flow.deploy(syncPolicy=by_hand(), source=None, sources=[chart, lent])
    app = await flow.operation()
    values.push({"web.yaml": "colour: red\n"})
    flow.repo.push({"chart/values.yaml": "extra: newer\n"})
    await flow.operation()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red", "extra": "newer"}
    then = app["status"]["history"][0]
    app = await flow.operation(sources=then["sources"], revisions=then["revisions"])
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue", "extra": "older"}
    assert app["status"]["history"][-1]["revisions"] == then["revisions"]


async def test_a_rollback_that_waits_for_health_stays_at_its_source(flow: Flow) -> None:
    files = {"old/web.yaml": deployment(image="registry.example.org/web:broken"), "new/web.yaml": deployment()}
    revision = flow.repo.push(files)
    await flow.deploy(syncPolicy=by_hand(), source=source(flow, "new"))
    await flow.operation()
    await flow.operation(settle=False, source=source(flow, "old"), revision=revision)
    await flow.settle(waits=False)
    assert (await flow.words())[2] == "Running"
    await flow.push({"other/web.yaml": config_map()})
    await flow.settle(waits=False)
    found = (await flow.live("Deployment", "web"))["spec"]["template"]["spec"]["containers"][0]["image"]
    assert found.endswith("web:broken"), "no claim in between goes back to the spec"
    assert (await flow.words())[2] == "Running"


async def test_a_rollback_to_a_source_that_the_project_does_not_allow_is_refused(flow: Flow) -> None:
    name = f"narrow-{flow.token}"
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name}}
    await flow.create(body | {"spec": {"sourceRepos": [flow.url], "destinations": [{"server": "*", "namespace": "*"}]}})
    flow.repo.push({"app/web.yaml": config_map()})
    other = flow.another_repo("other")
    other.push({"app/web.yaml": config_map(colour="foreign")})
    await flow.deploy(syncPolicy=by_hand(), project=name)
    await flow.operation(source={"repoURL": flow.url_of(other), "path": "app", "targetRevision": "main"})
    assert "spec.sourceRepos does not allow" in await flow.said()
    assert await flow.get("ConfigMap", "web") is None
