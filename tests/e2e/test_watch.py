"""The watches: what somebody else changes is put back at once, and nothing else causes a comparison."""

import asyncio

from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, crd, deployment, docs, pod_template, service, text
from tests.e2e.watched import QUIET_S, Watched
from tests.valkey import until

SYNCED = ("Synced", "Healthy", "Succeeded")


async def test_a_change_of_ours_is_put_back_the_fifth_time_as_the_first(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(docs(deployment(replicas=2), service()))
    for _ in range(5):
        await flow.patch("Deployment", "web", {"spec": {"replicas": 5}})
        await until(lambda: _replicas(flow, 2))
    await asyncio.sleep(QUIET_S)
    assert set(watched.whys) == {"drift"}
    assert len(watched.whys) <= 6, "one comparison for each edit; one may come of an edit between look and write"


async def _replicas(flow: Flow, number: int) -> bool:
    return bool((await flow.live("Deployment", "web"))["spec"]["replicas"] == number)


async def test_what_is_deleted_or_loses_its_label_comes_back(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(docs(service(), config_map()))
    await flow.delete("Service", "web")
    await until(lambda: flow.get("Service", "web"))
    await flow.patch("ConfigMap", "web", {"metadata": {"labels": {"pilothouse.dev/application": None}}})
    await until(lambda: _labelled(flow))
    await asyncio.sleep(QUIET_S)
    assert await flow.words() == SYNCED


async def _labelled(flow: Flow) -> bool:
    return "pilothouse.dev/application" in ((await flow.live("ConfigMap", "web"))["metadata"].get("labels") or {})


async def test_a_secret_changed_through_string_data_is_put_back(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(text("v1", "Secret", "web", {"stringData": {"token": "blue"}}))
    await flow.patch("Secret", "web", {"stringData": {"token": "red"}})
    await until(lambda: _token(flow, "Ymx1ZQ=="))


async def _token(flow: Flow, value: str) -> bool:
    return bool((await flow.live("Secret", "web"))["data"]["token"] == value)


async def test_status_scaling_and_our_own_writes_cause_no_comparison(watched: Watched) -> None:
    flow = watched.flow
    unscaled = deployment()
    unscaled = unscaled.replace("  replicas: 1\n", "")
    await watched.deploy(docs(unscaled, service()))
    await flow.patch("Deployment", "web", {"spec": {"replicas": 3}}, manager="autoscaler", sub="scale")
    await until(lambda: _available(flow, 3))
    condition = [{"type": "Seen", "status": "True"}]
    await flow.patch("Service", "web", {"status": {"conditions": condition}}, manager="some-controller", sub="status")
    await asyncio.sleep(QUIET_S)
    assert watched.whys == []
    await flow.push({"app/web.yaml": docs(deployment(image="registry.example.org/web:2"), service())})
    await until(lambda: _available(flow, 1))
    await asyncio.sleep(QUIET_S)
    assert set(watched.whys) <= {"push", "wait"}, "our own writes are no drift"


async def _available(flow: Flow, number: int) -> bool:
    found = await flow.live("Deployment", "web")
    status = found.get("status") or {}
    told = status.get("observedGeneration") == found["metadata"]["generation"]
    return told and status.get("availableReplicas") == status.get("updatedReplicas") == status.get("replicas") == number


async def _has_colour(flow: Flow, colour: str) -> bool:
    return bool((await flow.live("ConfigMap", "web"))["data"] == {"colour": colour})


async def test_a_list_put_in_another_order_is_put_back(watched: Watched) -> None:
    flow = watched.flow
    command = ["a", "b"]
    template = pod_template("web", "web:1", args=command)
    await watched.deploy(deployment(template=template))
    await flow.patch("Deployment", "web", [{"op": "replace", "path": f"{ARGS}/0", "value": "b"}], manager="pilothouse")
    await until(lambda: _args(flow, command))


ARGS = "/spec/template/spec/containers/0/args"


async def _args(flow: Flow, wanted: list[str]) -> bool:
    found = (await flow.live("Deployment", "web"))["spec"]["template"]["spec"]["containers"][0]
    return bool(found["args"] == wanted)


async def test_without_self_heal_it_is_only_told(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(config_map(), syncPolicy=automated(heal=False))
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    await until(lambda: _is(flow, "OutOfSync"))
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}


async def _is(flow: Flow, word: str) -> bool:
    return (await flow.words())[0] == word


async def test_a_kind_that_comes_with_the_application_is_watched_too(watched: Watched) -> None:
    flow = watched.flow
    group = f"x{flow.token}.example.org"
    thing = text(f"{group}/v1", "Thing", "one", {"spec": {"size": 1}})
    await watched.deploy(docs(crd("things", "Thing", group), thing))
    path = f"/apis/{group}/v1/namespaces/{flow.namespace}/things/one"
    await until(lambda: _followed(flow, path))
    flow.leftovers.append(("CustomResourceDefinition", f"things.{group}"))


async def _followed(flow: Flow, path: str) -> bool:
    """Whether an edit is put back; it is made anew until then, since the watch on a new kind begins a moment later."""
    answer = await flow.ground.kube("PATCH", path, {"spec": {"size": 2}}, params={"fieldManager": "kubectl-edit"})
    assert answer.status == 200
    await asyncio.sleep(0.3)
    return bool((await flow.ground.kube("GET", path)).body["spec"]["size"] == 1)


async def test_what_changed_while_nobody_watched_is_found_by_who_leads_next(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(docs(config_map(), config_map("gone"), config_map("same")))
    await watched.end()
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    await flow.delete("ConfigMap", "gone")
    untouched = await flow.version("ConfigMap", "same")
    watched.begin()
    await until(lambda: flow.get("ConfigMap", "gone"))
    await until(lambda: _has_colour(flow, "blue"))
    assert await flow.version("ConfigMap", "same") == untouched


async def test_whoever_gives_an_object_anothers_label_does_not_take_it_out_of_sight(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(docs(service(), config_map()))
    label = {"metadata": {"labels": {"pilothouse.dev/application": "somebody.else"}}}
    await flow.patch("ConfigMap", "web", label)
    await until(lambda: _owned(flow))
    await watched.end()
    await flow.patch("ConfigMap", "web", label)
    watched.begin()  # now only a list tells of it
    await until(lambda: _owned(flow))


async def _owned(flow: Flow) -> bool:
    labels = (await flow.live("ConfigMap", "web"))["metadata"]["labels"]
    return bool(labels["pilothouse.dev/application"] == f"{flow.ground.home}.{flow.name('app')}")


async def test_an_object_that_somebody_made_look_like_a_hook_is_put_back(watched: Watched) -> None:
    flow = watched.flow
    await watched.deploy(config_map())
    await flow.patch("ConfigMap", "web", {"metadata": {"annotations": {"argocd.argoproj.io/hook": "PreSync"}}})
    await until(lambda: _is_no_hook(flow))


async def _is_no_hook(flow: Flow) -> bool:
    return "argocd.argoproj.io/hook" not in (await flow.live("ConfigMap", "web"))["metadata"]["annotations"]


async def test_endpoints_that_git_has_are_put_back(watched: Watched) -> None:
    """Those that are made for a Service are noise, those that somebody wrote are not."""
    flow = watched.flow
    subsets = {"subsets": [{"addresses": [{"ip": "192.0.2.7"}], "ports": [{"port": 80}]}]}
    await watched.deploy(docs(service(selector=None), text("v1", "Endpoints", "web", subsets)))
    await flow.patch("Endpoints", "web", {"subsets": [{"addresses": [{"ip": "192.0.2.8"}], "ports": [{"port": 80}]}]})
    await until(lambda: _has_address(flow, "192.0.2.7"))


async def _has_address(flow: Flow, wanted: str) -> bool:
    return bool((await flow.live("Endpoints", "web"))["subsets"][0]["addresses"][0]["ip"] == wanted)


async def test_a_list_of_what_nobody_touched_causes_no_comparison(watched: Watched) -> None:
    """The namespace of CreateNamespace bears no label, and hooks go when their policy says so."""
    flow = watched.flow
    policy = "argocd.argoproj.io/hook-delete-policy"
    gone = config_map("gone", annotations={"argocd.argoproj.io/hook": "PreSync", policy: "HookSucceeded"})
    stays = config_map("stays", annotations={"argocd.argoproj.io/hook": "PostSync"})
    await watched.deploy(docs(config_map(), gone, stays), syncPolicy=automated("CreateNamespace=true"))
    await watched.end()
    watched.begin()
    # Nothing tells that a list was judged to mean nothing; a change heard after it does.
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    await until(lambda: _has_colour(flow, "blue"))
    assert watched.whys == ["drift"]
