"""What Git no longer has is deleted, unless something says that it must stay: then the application says so."""

import pytest

from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, crd, deployment, docs, text
from tests.valkey import until

APPROVED = {"argocd.argoproj.io/deletion-approved": "2026-11-01T12:00:00Z"}
WAVE = "argocd.argoproj.io/sync-wave"
OPTIONS = "argocd.argoproj.io/sync-options"


async def pruning(flow: Flow) -> dict[str, bool]:
    """Name of each resource in the status -> whether it would have to be pruned."""
    return {entry["name"]: entry.get("requiresPruning", False) for entry in (await flow.status())["resources"]}


async def test_a_render_without_objects_is_refused_where_objects_exist(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.push({"app/web.yaml": "# nothing\n"})
    await flow.settle()
    assert "the sources render nothing while objects of this Application exist" in await flow.said()
    assert await flow.get("ConfigMap", "web") is not None


async def test_allow_empty_lets_a_render_without_objects_prune_everything(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(syncPolicy=automated(allowEmpty=True))
    await flow.push({"app/web.yaml": "# nothing\n"})
    await flow.settle()
    await flow.gone("ConfigMap", "web")
    assert (await flow.words())[0] == "Synced"


async def test_without_prune_the_object_stays_and_the_application_is_out_of_sync(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy(syncPolicy=automated(prune=False))
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    assert (await flow.words())[0] == "OutOfSync"
    assert await pruning(flow) == {"web": False, "old": True}
    assert await flow.get("ConfigMap", "old") is not None
    await flow.change(spec={"syncPolicy": automated(prune=True)})
    await flow.gone("ConfigMap", "old")


@pytest.mark.parametrize("where", ["object", "application"])
async def test_prune_false_keeps_an_object_and_says_so(flow: Flow, where: str) -> None:
    annotations = {OPTIONS: "Prune=false"} if where == "object" else None
    options = () if where == "object" else ("Prune=false",)
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old", annotations=annotations))})
    await flow.deploy(syncPolicy=automated(*options))
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    assert await flow.get("ConfigMap", "old") is not None
    assert (await flow.words())[0] == "OutOfSync"
    assert await pruning(flow) == {"web": False, "old": True}


async def test_prune_confirm_waits_for_the_approval(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old", annotations={OPTIONS: "Prune=confirm"}))})
    await flow.deploy()
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    assert await flow.get("ConfigMap", "old") is not None
    assert (await flow.words())[0] == "OutOfSync"
    await flow.change(metadata={"annotations": APPROVED})
    await flow.gone("ConfigMap", "old")
    assert (await flow.words())[0] == "Synced"


async def test_a_namespace_that_holds_foreign_objects_is_not_pruned_without_approval(flow: Flow) -> None:
    made = f"made-{flow.token}"
    flow.leftovers.append(("Namespace", made))
    flow.repo.push({"app/ns.yaml": text("v1", "Namespace", made), "app/web.yaml": config_map()})
    await flow.deploy()
    foreign = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "precious"}}
    await flow.create(foreign, namespace=made)
    await flow.push({"app/ns.yaml": None})
    await flow.settle()
    assert (await flow.live("Namespace", made))["metadata"].get("deletionTimestamp") is None
    assert (await flow.words())[0] == "OutOfSync"
    assert await pruning(flow) == {"web": False, made: True}
    await flow.change(metadata={"annotations": APPROVED})
    await flow.gone("Namespace", made)


async def test_a_namespace_with_nothing_but_its_own_objects_is_pruned(flow: Flow) -> None:
    made = f"made-{flow.token}"
    flow.leftovers.append(("Namespace", made))
    inside = text("v1", "ConfigMap", "inside", {"data": {"a": "b"}}, namespace=made)
    flow.repo.push({"app/ns.yaml": docs(text("v1", "Namespace", made), inside), "app/web.yaml": config_map()})
    await flow.deploy()
    await flow.push({"app/ns.yaml": None})
    await flow.settle()
    await flow.gone("Namespace", made)


async def test_a_definition_with_foreign_objects_is_not_pruned_without_approval(flow: Flow) -> None:
    group = f"{flow.token}.example.org"
    name = f"sizes.{group}"
    flow.leftovers.append(("CustomResourceDefinition", name))
    flow.repo.push({"app/crd.yaml": crd("sizes", "Size", group), "app/web.yaml": config_map()})
    await flow.deploy()
    path = f"/apis/{group}/v1/namespaces/{flow.namespace}/sizes"
    foreign = {"apiVersion": f"{group}/v1", "kind": "Size", "metadata": {"name": "precious"}, "spec": {"size": 1}}
    assert (await flow.ground.kube("POST", path, foreign)).status == 201
    await flow.push({"app/crd.yaml": None})
    await flow.settle()
    assert (await flow.live("CustomResourceDefinition", name))["metadata"].get("deletionTimestamp") is None
    assert await pruning(flow) == {"web": False, name: True}


async def test_pruning_waits_for_the_health_of_what_the_sync_changed(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment(), "app/old.yaml": config_map("old")})
    await flow.deploy()
    stuck = deployment(image="registry.example.org/web:broken")
    await flow.push({"app/web.yaml": stuck, "app/old.yaml": None})
    await flow.settle(waits=False)
    assert (await flow.words())[2] == "Running"
    assert await flow.get("ConfigMap", "old") is not None
    await flow.push({"app/web.yaml": deployment(image="registry.example.org/web:2")})
    await flow.settle()
    await flow.gone("ConfigMap", "old")
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_a_later_wave_is_gone_before_an_earlier_one_goes(flow: Flow) -> None:
    names = [f"wave-{number}" for number in range(3)]
    waves = [config_map(name, annotations={WAVE: str(number)}) for number, name in enumerate(names)]
    after = config_map("after", annotations={"argocd.argoproj.io/hook": "PostSync"})
    flow.repo.push({"app/web.yaml": docs(config_map(), *waves)})
    await flow.deploy()
    held = {"metadata": {"finalizers": ["test.pilothouse.dev/held"]}}
    for name in names:
        await flow.patch("ConfigMap", name, held, manager="some-controller")
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), after)})
    for name in names[::-1]:
        await flow.sweep(settle=False)
        await flow.settle(waits=False)
        left = [other for other in names if await flow.get("ConfigMap", other)]
        going = [other for other in left if (await flow.live("ConfigMap", other))["metadata"].get("deletionTimestamp")]
        assert (left[-1], going) == (name, [name])
        assert await flow.get("ConfigMap", "after") is None
        message = (await flow.status())["operationState"]["message"]
        assert message == f"waiting until pruned objects are gone: ConfigMap {flow.namespace}/{name}"
        await flow.patch("ConfigMap", name, {"metadata": {"finalizers": None}}, manager="some-controller")
        await flow.gone("ConfigMap", name)
    await flow.settle()
    assert await flow.get("ConfigMap", "after") is not None
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


@pytest.mark.cluster
async def test_while_an_api_group_does_not_answer_nothing_is_pruned(cluster_flow: Flow) -> None:
    flow = cluster_flow
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy()
    group = f"{flow.token}.example.org"
    name = f"v1.{group}"
    spec = {
        "group": group,
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 10,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": flow.namespace, "name": "nobody"},
    }
    body = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": name}, "spec": spec}
    await flow.create(body)
    kube = await _cluster(flow)
    await until(lambda: _stale(kube, group))
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    assert (await flow.words())[0] == "OutOfSync"
    assert await pruning(flow) == {"web": False, "old": True}
    assert await flow.get("ConfigMap", "old") is not None
    await flow.delete("APIService", name)
    await until(lambda: _complete(kube))
    await flow.sweep()
    await flow.gone("ConfigMap", "old")


async def _cluster(flow: Flow) -> object:
    application = flow.ground.parts.view.get(f"{flow.ground.home}/{flow.name('app')}")
    assert application is not None
    return (await flow.ground.parts.clusters.at(application.destination, application.project)).kube


async def _stale(kube: object, group: str) -> bool:
    kube.invalidate()  # type: ignore[attr-defined]
    return any(group in name for name in (await kube.discovery()).stale)  # type: ignore[attr-defined]


async def _complete(kube: object) -> bool:
    kube.invalidate()  # type: ignore[attr-defined]
    return bool((await kube.discovery()).complete)  # type: ignore[attr-defined]
