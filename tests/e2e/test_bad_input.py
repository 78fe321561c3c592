"""Bad input gets a condition that says what, where and what to do; live objects and other applications go on."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deploy.demo.git_server import GitServer
from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, deployment, docs
from tests.repos import Repo
from tests.valkey import until

HOME_CLUSTER = "https://kubernetes.default.svc"


def source(flow: Flow, **fields: Any) -> dict[str, Any]:
    return {"repoURL": flow.url, "path": "app", "targetRevision": "main"} | fields


async def refused(flow: Flow, *words: str, **spec: Any) -> str:
    """A good application beside a bad one: the bad one says so with these words, the good one is deployed."""
    flow.repo.push({"app/web.yaml": config_map("bad"), "good/web.yaml": config_map("good")})
    await flow.create_application("bad", **spec)
    await flow.create_application("good", path="good")
    await flow.settle()
    said = await flow.said("bad")
    for word in words:
        assert word in said, said
    assert await flow.get("ConfigMap", "bad") is None
    assert await flow.words("good") == ("Synced", "Healthy", "Succeeded")
    return said


BAD_DESTINATIONS = {
    "both server and name": ({"server": HOME_CLUSTER, "name": "in-cluster"}, "has both server and name"),
    "neither server nor name": ({"namespace": "web"}, "needs a server or a name"),
    "an unknown name": ({"name": "elsewhere", "namespace": "web"}, "elsewhere"),
    "an unknown server": ({"server": "https://elsewhere.example.org", "namespace": "web"}, "elsewhere.example.org"),
}


@pytest.mark.parametrize("case", BAD_DESTINATIONS)
async def test_a_bad_destination_is_an_invalid_spec_that_names_the_field(flow: Flow, case: str) -> None:
    destination, word = BAD_DESTINATIONS[case]
    await refused(flow, "InvalidSpecError: ", "spec.destination", word, destination=destination)


async def test_an_application_without_a_source_is_an_invalid_spec(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({"good/web.yaml": config_map("good")})
    await refused(flow, "InvalidSpecError: spec.source is missing", source=None)


async def test_no_namespace_for_a_namespaced_object_is_an_invalid_spec(flow: Flow) -> None:
    await refused(flow, "InvalidSpecError: ", "spec.destination.namespace", destination={"server": HOME_CLUSTER})


async def test_a_path_that_leaves_the_repository_is_an_invalid_spec(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    await refused(flow, "InvalidSpecError: ", "spec.source.path", source=source(flow, path="../../etc"))


async def test_a_value_file_that_leaves_the_repository_is_an_invalid_spec(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n"})
    bad = source(flow, path="chart", helm={"valueFiles": ["../../../etc/passwd"]})
    await refused(flow, "InvalidSpecError: ", "valueFiles", source=bad)


async def test_a_path_that_is_not_there_is_said(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    await refused(flow, "nowhere", source=source(flow, path="nowhere"))


async def test_a_value_file_that_is_not_there_is_said(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    flow.repo.push({"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n"})
    bad = source(flow, path="chart", helm={"valueFiles": ["values-nowhere.yaml"]})
    await refused(flow, "ComparisonError: ", "values-nowhere.yaml", source=bad)


async def test_an_application_whose_spec_becomes_good_again_recovers(flow: Flow) -> None:
    await refused(flow, "InvalidSpecError", destination={"server": HOME_CLUSTER, "name": "in-cluster"})
    await flow.change("bad", spec={"destination": {"name": None, "namespace": flow.namespace}})
    assert await flow.words("bad") == ("Synced", "Healthy", "Succeeded")
    assert await flow.said("bad") == ""


BROKEN = {
    "YAML": ("app/web.yaml", "kind: ConfigMap\n  name: web\n", ("web.yaml", "line 2")),
    "no kind": ("app/web.yaml", "apiVersion: v1\nmetadata: {name: web}\n", ("web.yaml", "document 1", "kind")),
    "a hook that does not exist": (
        "app/web.yaml",
        config_map(annotations={"argocd.argoproj.io/hook": "PreSink"}),
        ("argocd.argoproj.io/hook", "PreSink"),
    ),
    "a wave that is no number": (
        "app/web.yaml",
        config_map(annotations={"argocd.argoproj.io/sync-wave": "early"}),
        ("argocd.argoproj.io/sync-wave", "early"),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_broken_manifests_are_told_with_their_place_and_change_nothing(sandbox_flow: Flow, case: str) -> None:
    flow = sandbox_flow
    path, content, words = BROKEN[case]
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    before = await flow.version("ConfigMap", "web")
    await flow.push({path: content})
    await flow.settle()
    said = await flow.said()
    for word in words:
        assert word in said, said
    assert (await flow.words())[0] == "Unknown"
    assert await flow.version("ConfigMap", "web") == before


UNSUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "ignoreDifferences": (
        {"ignoreDifferences": [{"kind": "ConfigMap", "jsonPointers": ["/data"]}]},
        "spec.ignoreDifferences is not supported yet",
    ),
    "Replace": ({"syncPolicy": automated("Replace=true")}, "Replace=true is not supported yet"),
    "RespectIgnoreDifferences": (
        {"syncPolicy": automated("RespectIgnoreDifferences=true")},
        "RespectIgnoreDifferences=true is not supported yet",
    ),
    "an option with a wrong value": ({"syncPolicy": automated("Prune=maybe")}, "Prune=maybe is unknown"),
    "sourceHydrator": (
        {
            "sourceHydrator": {
                "drySource": {"repoURL": "https://git.example.org/x.git", "targetRevision": "main", "path": "."},
                "syncSource": {"targetBranch": "rendered", "path": "."},
            }
        },
        "spec.sourceHydrator is not supported yet",
    ),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
async def test_a_restricting_field_that_is_not_supported_yet_refuses_by_its_name(flow: Flow, case: str) -> None:
    spec, words = UNSUPPORTED[case]
    await refused(flow, words, **spec)


@pytest.mark.parametrize("tool", ["kustomize", "plugin"])
async def test_a_tool_that_is_not_supported_yet_refuses_by_its_name(sandbox_flow: Flow, tool: str) -> None:
    flow = sandbox_flow
    options = {"kustomize": {"namePrefix": "x-"}, "plugin": {"name": "x"}}[tool]
    await refused(flow, f"spec.source.{tool}: not supported yet", source=source(flow, **{tool: options}))


async def test_a_chart_of_a_helm_repository_is_refused_by_its_name(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    await refused(flow, "spec.source.chart", source={"repoURL": flow.url, "chart": "shop", "targetRevision": "1.0.0"})


async def test_a_branch_that_is_not_there_is_said_and_heals_when_it_comes(flow: Flow) -> None:
    await refused(flow, "feature/x", flow.repo.name, source=source(flow, targetRevision="feature/x"))
    revision = flow.repo.push(branch="feature/x")
    await flow.pushed(revision, ref="refs/heads/feature/x")
    await flow.settle()
    assert await flow.words("bad") == ("Synced", "Healthy", "Succeeded")
    assert await flow.said("bad") == ""


async def test_credentials_that_the_host_does_not_take_are_said_without_them_and_heal_when_they_are_right(
    flow: Flow, tmp_path: Path
) -> None:
    repo = Repo(tmp_path, f"guarded-{flow.token}")
    repo.push({"app/web.yaml": config_map("bad")})
    async with GitServer(tmp_path, token="right-token-planted") as git:
        url = f"{git.url}/{repo.name}.git"
        await flow.create(credentials_for(flow, url, "wrong-token-planted"), namespace=flow.ground.home)
        said = await refused(flow, "ComparisonError: ", repo.name, source=source(flow, repoURL=url))
        assert "planted" not in f"{said}{await flow.events('bad')}"
        name = f"repo-{flow.token}"
        right = {"stringData": {"password": "right-token-planted"}}
        await flow.patch("Secret", name, right, namespace=flow.ground.home)
        refresh = {"annotations": {"argocd.argoproj.io/refresh": "normal"}}

        async def healed() -> bool:
            await flow.change("bad", metadata=refresh)
            return await flow.words("bad") == ("Synced", "Healthy", "Succeeded")

        await until(healed)
    await flow.delete("Secret", name, namespace=flow.ground.home)
    assert await flow.said("bad") == ""


def credentials_for(flow: Flow, url: str, password: str) -> dict[str, Any]:
    """An Argo CD style repository Secret."""
    labels = {"argocd.argoproj.io/secret-type": "repository"}
    data = {"type": "git", "url": url, "username": "ada", "password": password}
    metadata = {"name": f"repo-{flow.token}", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


async def test_a_repository_that_is_not_there_is_said(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    url = f"{flow.ground.git.url}/nowhere-{flow.token}.git"
    await refused(flow, "ComparisonError: ", url, source=source(flow, repoURL=url))


async def test_a_password_in_an_address_is_never_told(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    url = f"{flow.ground.git.url}/nowhere-{flow.token}.git".replace("http://", "http://ada:hunter2@")
    said = await refused(flow, f"nowhere-{flow.token}", source=source(flow, repoURL=url))
    assert "hunter2" not in said
    assert "hunter2" not in str(await flow.events("bad"))


async def test_a_transport_that_is_not_allowed_is_refused(sandbox_flow: Flow) -> None:
    flow = sandbox_flow
    said = await refused(flow, "PILOTHOUSE_GIT_PROTOCOLS", source=source(flow, repoURL=f"file://{flow.repo.bare}"))
    assert "file" in said


async def test_a_git_host_that_is_away_changes_nothing_and_heals_itself(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.deploy()
    before = await flow.version("ConfigMap", "web")

    async def away(request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=503) if flow.repo.name in request.path else None

    flow.ground.git.before = away
    try:
        await flow.change(metadata={"annotations": {"argocd.argoproj.io/refresh": "normal"}})
        said = await flow.said()
        assert "ComparisonError: " in said
        assert flow.url in said
        assert await flow.version("ConfigMap", "web") == before
        again = [again for member, again in flow.log if again and again.not_before_s]
        assert again, "it looks again by itself, later"
    finally:
        flow.ground.git.before = None
    await flow.push({"app/web.yaml": config_map(colour="red")})
    await flow.settle()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    assert await flow.said() == ""


async def test_an_object_the_server_refuses_on_admission_is_told_in_its_words(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map("good"), deployment(replicas=-1))})
    await flow.deploy()
    said = await flow.said()
    assert "SyncError: nothing was changed, 1 refused" in said
    assert "spec.replicas" in said
    assert await flow.get("ConfigMap", "good") is None
