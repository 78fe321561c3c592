"""Owned means three marks together; everything else is foreign and stays (design.md, part 4)."""

from typing import Any

import pytest

from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, deployment, docs, service, text
from tests.valkey import until

LABEL = "pilothouse.dev/application"
TRACKING = "pilothouse.dev/tracking-id"
KINDS = "pilothouse.dev/kinds"


def marks(flow: Flow, kind: str, name: str, app: str = "app") -> dict[str, Any]:
    """The label and the annotation that would make this object the application's."""
    owner = f"{flow.ground.home}.{flow.name(app)}"
    tracking = f"default/{owner}:/{kind}:{flow.namespace}/{name}"
    return {"name": name, "labels": {LABEL: owner}, "annotations": {TRACKING: tracking}}


def a_config_map(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"colour": "red"}}


async def test_an_object_carries_its_marks_in_its_metadata_and_nowhere_else(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(deployment(), service())})
    app = await flow.deploy()
    found = await flow.live("Deployment", "web")
    owner = f"{flow.ground.home}.{flow.name('app')}"
    assert found["metadata"]["labels"] == {LABEL: owner}
    assert found["metadata"]["annotations"][TRACKING] == f"default/{owner}:apps/Deployment:{flow.namespace}/web"
    assert found["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert found["spec"]["template"]["metadata"]["labels"] == {"app": "web"}
    assert (await flow.live("Service", "web"))["spec"]["selector"] == {"app": "web"}
    assert app["metadata"]["annotations"][KINDS] == "Deployment.apps,Service"


async def test_a_foreign_object_that_somebody_labelled_is_never_pruned(flow: Flow) -> None:
    await flow.create(a_config_map({"name": "labelled", "labels": marks(flow, "ConfigMap", "labelled")["labels"]}))
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.sweep()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert await flow.get("ConfigMap", "labelled") is not None


async def test_marks_that_another_manager_wrote_prove_nothing(flow: Flow) -> None:
    await flow.create(a_config_map(marks(flow, "ConfigMap", "copied")), manager="copier")
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert await flow.get("ConfigMap", "copied") is not None


async def test_a_tracking_id_of_another_object_proves_nothing(flow: Flow) -> None:
    metadata = marks(flow, "ConfigMap", "web") | {"name": "copied"}
    await flow.apply(a_config_map(metadata), manager="pilothouse")
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert await flow.get("ConfigMap", "copied") is not None


async def test_an_object_whose_label_was_taken_off_is_foreign_from_then_on(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy()
    await flow.patch("ConfigMap", "old", {"metadata": {"labels": {LABEL: None}}})
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    assert await flow.get("ConfigMap", "old") is not None


async def test_a_fully_marked_object_that_a_controller_owns_is_never_pruned(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    parent = await flow.live("ConfigMap", "web")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "web", "uid": parent["metadata"]["uid"]}
    metadata = marks(flow, "ConfigMap", "child") | {"ownerReferences": [owner | {"controller": True}]}
    await flow.apply(a_config_map(metadata), manager="pilothouse")
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    assert (await flow.live("ConfigMap", "child"))["metadata"].get("deletionTimestamp") is None


async def test_what_carries_all_three_marks_and_is_not_in_git_is_pruned(flow: Flow) -> None:
    """The counterpart of all tests above: it is the marks that protect, nothing else."""
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.apply(a_config_map(marks(flow, "ConfigMap", "stray")), manager="pilothouse")
    await flow.sweep()
    await flow.gone("ConfigMap", "stray")
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_endpoints_that_copy_a_services_labels_are_no_candidates(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(deployment(), service())})
    await flow.deploy()

    async def copied() -> bool:
        found = await flow.get("Endpoints", "web")
        return found is not None and LABEL in found["metadata"].get("labels", {})

    await until(copied)
    kinds = "Deployment.apps,Endpoints,EndpointSlice.discovery.k8s.io,Service"
    await flow.patch("Application", flow.name("app"), {"metadata": {"annotations": {KINDS: kinds}}})
    await flow.sweep()
    assert (await flow.words())[0] == "Synced"
    kinds_seen = {entry["kind"] for entry in (await flow.status())["resources"]}
    assert kinds_seen == {"Deployment", "Service"}
    assert await copied()


async def test_a_label_of_more_than_63_signs_is_cut_and_still_finds_its_objects(flow: Flow) -> None:
    name = "an-application-with-a-name-that-is-really-long-for-a-label"
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy(name)
    label = (await flow.live("ConfigMap", "web"))["metadata"]["labels"][LABEL]
    assert len(label) == 63
    assert f"{flow.ground.home}.{flow.name(name)}".startswith(label[:50])
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    await flow.gone("ConfigMap", "old")


async def test_an_object_of_another_application_is_refused_and_nothing_is_applied(flow: Flow) -> None:
    flow.repo.push({"one/web.yaml": config_map(), "two/web.yaml": docs(config_map(colour="red"), config_map("new"))})
    await flow.deploy("one", path="one")
    before = await flow.version("ConfigMap", "web")
    await flow.deploy("two", path="two")
    said = await flow.said("two")
    assert f"ConfigMap {flow.namespace}/web: belongs to Application {flow.ground.home}.{flow.name('one')}" in said
    assert "nothing was changed, 1 refused" in said
    assert (await flow.words("two"))[0] == "OutOfSync"
    assert await flow.version("ConfigMap", "web") == before
    assert await flow.get("ConfigMap", "new") is None


async def test_an_object_of_an_application_that_is_gone_may_be_taken(flow: Flow) -> None:
    flow.repo.push({"one/web.yaml": config_map(), "two/web.yaml": config_map(colour="red")})
    await flow.deploy("one", path="one")
    await flow.delete("Application", flow.name("one"))
    await until(lambda: flow.ground.parts.view.get(f"{flow.ground.home}/{flow.name('one')}") is None)
    await flow.deploy("two", path="two")
    found = await flow.live("ConfigMap", "web")
    assert found["data"] == {"colour": "red"}
    assert found["metadata"]["labels"][LABEL] == f"{flow.ground.home}.{flow.name('two')}"
    assert (await flow.words("two"))[0] == "Synced"


async def test_an_object_of_another_installation_is_refused(flow: Flow) -> None:
    metadata = marks(flow, "ConfigMap", "web")
    metadata["annotations"][TRACKING] = f"elsewhere/team.shop:/ConfigMap:{flow.namespace}/web"
    await flow.apply(a_config_map(metadata), manager="pilothouse")
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    assert "belongs to Application team.shop of installation elsewhere; remove it there first" in await flow.said()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}


@pytest.mark.parametrize("first", ["the one that gives", "the one that takes"])
async def test_an_object_that_moves_in_one_push_is_released_not_deleted(flow: Flow, first: str) -> None:
    flow.repo.push({"one/a.yaml": config_map("a"), "one/web.yaml": config_map(), "two/b.yaml": config_map("b")})
    await flow.deploy("one", path="one")
    await flow.deploy("two", path="two")
    uid = (await flow.live("ConfigMap", "web"))["metadata"]["uid"]
    await flow.push({"one/web.yaml": None, "two/web.yaml": config_map()})
    await flow.step()
    await flow.step("one" if first == "the one that gives" else "two")
    await flow.settle()
    await flow.sweep("two")  # its back-off, which the test does not wait for
    found = await flow.live("ConfigMap", "web")
    assert found["metadata"]["uid"] == uid, "it was never deleted"
    assert found["metadata"]["labels"][LABEL] == f"{flow.ground.home}.{flow.name('two')}"
    assert [(await flow.words(name))[0] for name in ("one", "two")] == ["Synced", "Synced"]


async def test_the_namespace_that_is_made_on_request_is_unmarked_and_never_pruned(flow: Flow) -> None:
    made = f"made-{flow.token}"
    flow.leftovers.append(("Namespace", made))
    flow.repo.push({"app/web.yaml": config_map()})
    destination = {"server": "https://kubernetes.default.svc", "namespace": made}
    policy = automated("CreateNamespace=true") | {"managedNamespaceMetadata": {"labels": {"team": "shop"}}}
    await flow.deploy(destination=destination, syncPolicy=policy)
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert await flow.get("ConfigMap", "web", made) is not None
    metadata = (await flow.live("Namespace", made))["metadata"]
    assert metadata["labels"]["team"] == "shop"
    assert LABEL not in metadata["labels"]
    assert TRACKING not in metadata.get("annotations", {})
    await flow.change(spec={"syncPolicy": automated(), "destination": {"namespace": flow.namespace}})
    await flow.sweep()
    assert (await flow.live("Namespace", made))["metadata"].get("deletionTimestamp") is None


async def test_a_kind_that_git_no_longer_has_at_all_is_still_pruned(flow: Flow) -> None:
    account = text("v1", "ServiceAccount", "robot")
    flow.repo.push({"app/web.yaml": config_map(), "app/robot.yaml": account})
    await flow.deploy()
    await flow.push({"app/robot.yaml": None})
    await flow.settle()
    await flow.gone("ServiceAccount", "robot")
    assert "ServiceAccount" in (await flow.app())["metadata"]["annotations"][KINDS]
