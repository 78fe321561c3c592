"""The watches: what somebody else changes is put back at once, and nothing else causes a comparison."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from jobs.watch import watch
from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, crd, deployment, docs, pod_template, service, text
from tests.valkey import until

SYNCED = ("Synced", "Healthy", "Succeeded")
QUIET_S = 0.4
"""Longer than any event of what was just done takes."""


class Watched:
    """A flow whose marks are worked off at once, whoever leaves them."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.whys: list[str] = []
        """The reason of each claim of an Application."""
        self.tasks: list[asyncio.Task[None]] = []

    async def work(self) -> None:
        while True:
            claim = await self.flow.ground.queue.claim()
            if claim is None:
                await asyncio.sleep(0.005)
                continue
            if claim.kind == "application":
                self.whys.append(claim.why)
            await self.flow._work_off(claim)

    async def deploy(self, body: str, **fields: Any) -> None:
        """Deploy the one file; from then on everything is worked off by itself."""
        self.flow.repo.push({"app/web.yaml": body})
        await self.flow.deploy(**fields)
        self.tasks += [asyncio.create_task(self.work()), asyncio.create_task(watch(self.flow.parts))]
        await asyncio.sleep(QUIET_S)
        self.whys.clear()

    async def end(self) -> None:
        """Watch and work no more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="session")
async def watched(flow: Flow) -> AsyncIterator[Watched]:
    found = Watched(flow)
    yield found
    await found.end()


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
    watched.tasks = [asyncio.create_task(watched.work()), asyncio.create_task(watch(flow.parts))]
    await until(lambda: flow.get("ConfigMap", "gone"))
    await until(lambda: _has_colour(flow, "blue"))
    assert await flow.version("ConfigMap", "same") == untouched
