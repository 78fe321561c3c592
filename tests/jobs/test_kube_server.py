"""The client against API servers: the same assertions on the sandbox and on a real one."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest

from deploy.sandbox import Sandbox
from jobs import kube as kube_module
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.discovery import ApiResource
from jobs.core.errors import Conflict, NotFound, Refused, Unauthorized
from jobs.core.managed_fields import fields_owned_by, owners_of, owns_label, removals, take_over
from jobs.kube import Kube, Listed, Preconditions

OURS = "pilothouse"


@pytest.fixture(params=["sandbox", pytest.param("real", marks=pytest.mark.cluster)])
async def credentials(request: pytest.FixtureRequest) -> AsyncIterator[ClusterCredentials]:
    """An API server, as its admin."""
    if request.param == "sandbox":
        async with Sandbox.serve(port=0) as sandbox:
            yield ClusterCredentials(sandbox.url, token=sandbox.admin_token)
        return
    plane = request.getfixturevalue("control_plane")
    yield ClusterCredentials(plane.url, token=plane.admin_token, ca_pem=Path(plane.ca_file).read_text())


@pytest.fixture
async def kube(credentials: ClusterCredentials) -> AsyncIterator[Kube]:
    client = Kube.at(credentials)
    yield client
    await client.close()


@pytest.fixture
async def space(kube: Kube) -> AsyncIterator[str]:
    """A namespace of this test's own."""
    name = f"t-kube-{secrets.token_hex(4)}"
    namespaces = await kube.api_resource("", "Namespace")
    await kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, namespaces, manager=OURS)
    yield name
    await kube.delete(namespaces, None, name, preconditions=Preconditions())


@pytest.fixture
async def config_maps(kube: Kube) -> ApiResource:
    return await kube.api_resource("", "ConfigMap")


def a_config_map(space: str, name: str = "web", *, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": space, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def a_deployment(space: str, image: str = "web:1", **spec: Any) -> dict[str, Any]:
    container = {"name": "web", "image": image, "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "1"}]}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": space},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template, **spec},
    }


async def test_the_server_says_what_it_is_and_serves(kube: Kube):
    assert (await kube.version()).startswith("v1.")
    discovery = await kube.discovery()
    assert discovery.complete
    assert {"v1", "v1/ConfigMap", "apps/v1", "apps/v1/Deployment"} <= set(discovery.api_versions)
    deployments = await kube.api_resource("apps", "Deployment")
    assert (deployments.plural, deployments.namespaced, deployments.version) == ("deployments", True, "v1")
    assert {"get", "list", "watch", "patch", "create", "delete"} <= deployments.verbs
    assert not (await kube.api_resource("", "Namespace")).namespaced
    for missing in (("apps", "Gadget", None), ("extensions", "Deployment", None), ("apps", "Deployment", "v1beta1")):
        with pytest.raises(NotFound, match="the cluster has no kind"):
            await kube.api_resource(*missing)


async def test_an_object_is_applied_changed_read_and_deleted(kube: Kube, config_maps: ApiResource, space: str):
    assert await kube.get(config_maps, space, "web") is None
    assert (await kube.apply(a_config_map(space, a="1"), config_maps, manager=OURS)).status == 201
    assert (await kube.apply(a_config_map(space, b="2"), config_maps, manager=OURS)).status == 200
    live = await kube.get(config_maps, space, "web")
    assert live is not None
    assert (live["kind"], live["apiVersion"], live["data"]) == ("ConfigMap", "v1", {"b": "2"})
    partial = await kube.get(config_maps, space, "web", metadata_only=True)
    assert partial is not None
    assert (partial["kind"], "data" in partial) == ("ConfigMap", False)
    seen = Preconditions(live["metadata"]["uid"], live["metadata"]["resourceVersion"])
    for wrong in (Preconditions(uid="11111111-2222-3333-4444-555555555555"), Preconditions(resource_version="1")):
        with pytest.raises(Conflict):
            await kube.delete(config_maps, space, "web", preconditions=wrong)
    await kube.delete(config_maps, space, "web", preconditions=seen, propagation="Background", dry_run=True)
    assert await kube.get(config_maps, space, "web") == live
    await kube.delete(config_maps, space, "web", preconditions=seen, propagation="Background")
    assert await kube.get(config_maps, space, "web") is None
    assert await kube.delete(config_maps, space, "web", preconditions=seen) is None


async def test_a_dry_run_predicts_and_changes_nothing(kube: Kube, config_maps: ApiResource, space: str):
    await kube.apply(a_config_map(space, a="1"), config_maps, manager=OURS)
    live = await kube.get(config_maps, space, "web")
    predicted = await kube.apply(a_config_map(space, a="2"), config_maps, manager=OURS, dry_run=True)
    assert predicted.body["data"] == {"a": "2"}
    assert live is not None
    assert predicted.body["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
    assert await kube.get(config_maps, space, "web") == live


async def test_a_late_writer_is_fenced_off_by_the_version_it_saw(kube: Kube, config_maps: ApiResource, space: str):
    old = (await kube.apply(a_config_map(space, a="1"), config_maps, manager=OURS)).body
    await kube.apply(a_config_map(space, a="2"), config_maps, manager=OURS)
    late = a_config_map(space, a="1")
    late["metadata"] |= {key: old["metadata"][key] for key in ("uid", "resourceVersion")}
    with pytest.raises(Conflict, match="PATCH"):
        await kube.apply(late, config_maps, manager=OURS)
    late = a_config_map(space, "gone", a="1")
    late["metadata"]["uid"] = old["metadata"]["uid"]
    with pytest.raises(Conflict):
        await kube.apply(late, config_maps, manager=OURS)


async def test_another_managers_field_is_taken_only_by_force(kube: Kube, config_maps: ApiResource, space: str):
    await kube.apply(a_config_map(space, a="1"), config_maps, manager="somebody")
    with pytest.raises(Conflict, match="somebody"):
        await kube.apply(a_config_map(space, a="2"), config_maps, manager=OURS, force=False)
    assert (await kube.apply(a_config_map(space, a="2"), config_maps, manager=OURS)).body["data"] == {"a": "2"}


async def test_a_field_the_server_does_not_know_is_refused(kube: Kube, config_maps: ApiResource, space: str):
    for strict in (True, False):
        with pytest.raises(Refused):
            await kube.apply({**a_config_map(space), "dta": {}}, config_maps, manager=OURS, strict=strict)
    with pytest.raises(Refused):
        await kube.apply(a_config_map(space, **{"bad key": "1"}), config_maps, manager=OURS)
    with pytest.raises(NotFound, match="no-such-namespace"):
        await kube.apply(a_config_map("no-such-namespace"), config_maps, manager=OURS)


async def test_a_secrets_value_is_not_in_the_refusal(kube: Kube, space: str):
    resource = await kube.api_resource("", "Secret")
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": space}}
    for wrong in (
        {"data": {"key": ["hunter2"]}},
        {"data": "hunter2"},
        {"data": {"key": "hunter2!"}},
        {"type": ["hunter2"]},
    ):
        with pytest.raises(Refused) as caught:
            await kube.apply({**body, **wrong}, resource, manager=OURS)
        assert "hunter2" not in str(caught.value)


async def test_a_json_patch_whose_test_fails_is_a_conflict(kube: Kube, config_maps: ApiResource, space: str):
    await kube.apply(a_config_map(space, a="1"), config_maps, manager=OURS)
    replace = {"op": "replace", "path": "/data/a", "value": "2"}
    for path in ("/data/a", "/data/missing"):
        test = {"op": "test", "path": path, "value": "other"}
        with pytest.raises(Conflict):
            await kube.patch_json(config_maps, space, "web", [test, replace], manager=OURS)
    test = {"op": "test", "path": "/data/a", "value": "1"}
    answer = await kube.patch_json(config_maps, space, "web", [test, replace], manager=OURS)
    assert answer.body["data"] == {"a": "2"}
    merged = await kube.patch_merge(config_maps, space, "web", {"data": {"a": None, "b": "3"}}, manager=OURS)
    assert merged.body["data"] == {"b": "3"}


async def test_a_name_may_be_left_to_the_server(kube: Kube, config_maps: ApiResource, space: str):
    body = a_config_map(space)
    body["metadata"] = {"generateName": "hook-", "namespace": space}
    names = {(await kube.create(body, config_maps, manager=OURS)).body["metadata"]["name"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("hook-") for name in names)
    with pytest.raises(Conflict):
        await kube.create(a_config_map(space, names.pop()), config_maps, manager=OURS)


async def test_lists_are_complete_over_pages_and_selected(
    kube: Kube, config_maps: ApiResource, space: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(kube_module, "PAGE", "2")
    for number in range(5):
        body = a_config_map(space, f"cm-{number}", labels={"odd": str(number % 2)})
        await kube.apply(body, config_maps, manager=OURS)

    async def names(**given: Any) -> list[str]:
        listing = await kube.list(config_maps, space, **given)
        assert {(item["apiVersion"], item["kind"]) for item in listing.items} <= {("v1", "ConfigMap")}
        found = [item["metadata"]["name"] for item in listing.items]
        return [name for name in found if name != "kube-root-ca.crt"]

    assert await names() == await names(metadata_only=True) == [f"cm-{number}" for number in range(5)]
    assert await names(label_selector="odd=1") == ["cm-1", "cm-3"]
    assert await names(field_selector="metadata.name=cm-2") == ["cm-2"]
    assert await names(label_selector="odd=2") == []


async def test_a_stranger_is_unauthorized(credentials: ClusterCredentials, config_maps: ApiResource):
    stranger = Kube.at(ClusterCredentials(credentials.server, token="wrong", ca_pem=credentials.ca_pem))
    with pytest.raises(Unauthorized):
        await stranger.list(config_maps, "default")
    await stranger.close()


async def test_following_sees_what_is_there_and_every_change(kube: Kube, config_maps: ApiResource, space: str):
    await kube.apply(a_config_map(space, "first", labels={"app": "web"}), config_maps, manager=OURS)
    seen: list[str] = []

    async def act() -> None:
        await kube.apply(a_config_map(space, "second", labels={"app": "web"}), config_maps, manager=OURS)
        await kube.apply(a_config_map(space, "other"), config_maps, manager=OURS)
        await kube.apply(a_config_map(space, "second", labels={"app": "web"}, a="1"), config_maps, manager=OURS)
        await kube.delete(config_maps, space, "first", preconditions=Preconditions(), propagation="Background")

    async with (
        asyncio.timeout(20),
        aclosing(kube.follow(config_maps, namespace=space, label_selector="app=web")) as all_,
    ):
        async for event in all_:
            if isinstance(event, Listed):
                seen += [f"LISTED {item['metadata']['name']}" for item in event.items]
                await act()
                continue
            assert event.object["kind"] == "ConfigMap"
            seen.append(f"{event.type} {event.object['metadata']['name']}")
            if event.type == "DELETED":
                break
    assert seen == ["LISTED first", "ADDED second", "MODIFIED second", "DELETED first"]


async def taken_over(kube: Kube, resource: ApiResource, space: str) -> dict[str, Any]:
    """The object `web` after its entries became ours; tried again while controllers write its status."""
    for _ in range(20):
        live = await kube.get(resource, space, "web")
        assert live is not None
        with suppress(Conflict):
            return (await kube.patch_json(resource, space, "web", take_over(live, OURS), manager=OURS)).body
    pytest.fail("the object never came to rest")


async def test_what_kubectl_applied_is_taken_over_and_what_git_dropped_then_goes(kube: Kube, space: str):
    deployments = await kube.api_resource("apps", "Deployment")
    theirs = a_deployment(space, replicas=3, paused=True)
    theirs["metadata"]["labels"] = {"team": "red"}
    await kube.create(theirs, deployments, manager="kubectl-client-side-apply")
    live = await kube.get(deployments, space, "web")
    assert live is not None
    assert {owner.manager for owner in owners_of(live, ("spec", "replicas"))} == {"kubectl-client-side-apply"}
    wanted = a_deployment(space, image="web:2")
    wanted["spec"]["template"]["spec"]["containers"][0].pop("env")
    dropped = removals(live, OURS, wanted)
    env = ("spec", "template", "spec", "containers", 0, "env", 0)
    assert {("spec", "paused"), ("metadata", "labels", "team"), env} <= set(dropped)

    taken = await taken_over(kube, deployments, space)
    assert taken["metadata"]["generation"] == live["metadata"]["generation"]
    assert take_over(taken, OURS) == []
    assert fields_owned_by(taken, OURS, "Apply") == fields_owned_by(live, "kubectl-client-side-apply")
    assert owns_label(taken, OURS, "team")

    after = (await kube.apply(wanted, deployments, manager=OURS)).body
    assert "paused" not in after["spec"]
    assert "labels" not in after["metadata"]
    container = after["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], "env" in container) == ("web:2", False)
    assert after["spec"]["replicas"] == 1
    assert removals(after, OURS, wanted) == ()


async def test_an_entry_is_not_taken_over_from_an_object_that_changed_since(
    kube: Kube, config_maps: ApiResource, space: str
):
    live = (await kube.create(a_config_map(space, a="1"), config_maps, manager="helm")).body
    await kube.patch_merge(config_maps, space, "web", {"data": {"b": "2"}}, manager="somebody")
    with pytest.raises(Conflict):
        await kube.patch_json(config_maps, space, "web", take_over(live, OURS), manager=OURS)
