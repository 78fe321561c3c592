"""A cluster that is gone, and one that is slow: what goes elsewhere keeps its pace, with the few slots of a worker."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterable
from functools import partial

import pytest

from jobs import clusters
from jobs.core.limits import claim_limits
from jobs.probes import Metrics
from jobs.runner import Runner
from tests.e2e.harness import Flow
from tests.e2e.objects import config_map
from tests.jobs.wire import Asked, serving
from tests.valkey import until

SLOTS = 4
"""As few as make sense: each cluster below has more applications than that."""


@contextlib.asynccontextmanager
async def gone() -> AsyncIterator[str]:
    """An address that takes no connection and refuses none, like a machine that is switched off."""
    with socket.socket() as listening, contextlib.ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):  # whoever comes after these waits in vain
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.asynccontextmanager
async def slow() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that answers nothing before the event."""
    released = asyncio.Event()

    async def script(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.transport.abort()

    async with serving(script) as wire:
        yield wire.url, released


async def add(flow: Flow, name: str, server: str, token: str = "t") -> None:
    """A cluster Secret."""
    data = {"name": f"{name}-{flow.token}", "server": server, "config": json.dumps({"bearerToken": token})}
    labels = {"argocd.argoproj.io/secret-type": "cluster"}
    metadata = {"name": f"{name}-{flow.token}", "labels": labels}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
    await flow.create(body, namespace=flow.ground.home)


async def applications(flow: Flow, cluster: str, count: int) -> list[str]:
    """So many Applications for a cluster, each with a ConfigMap of its own; their names."""
    names = [f"{cluster}-{number}" for number in range(count)]
    destination = {"name": f"{cluster}-{flow.token}" if cluster != "in-cluster" else cluster}
    flow.repo.push({f"{name}/web.yaml": config_map(name) for name in names})
    for name in names:
        await flow.create_application(name, path=name, destination=destination | {"namespace": flow.namespace})
    return names


async def test_a_cluster_that_is_gone_and_a_slow_one_do_not_slow_the_others(sandbox_flow: Flow) -> None:
    flow, where = sandbox_flow, sandbox_flow.ground.kube.coordinates

    def limits(running: Iterable[str]) -> dict[str, int]:
        return claim_limits(flow.parts.clusters.felt(), running, slots=SLOTS)

    async with gone() as nowhere, slow() as (sluggish, released):
        for name, server, token in (
            ("gone", nowhere, "t"),
            ("slow", sluggish, "t"),
            ("edge", where.url, where.admin_token),
        ):
            await add(flow, name, server, token)
        for name in ("gone", "slow"):
            await applications(flow, name, 2 * SLOTS)
        quick = [*await applications(flow, "edge", SLOTS), *await applications(flow, "in-cluster", SLOTS)]

        handler = flow.ground.work.handlers["application"].func  # type: ignore[attr-defined]
        handlers = {"application": partial(handler, parts=flow.parts)}
        runner = Runner(flow.ground.queue, handlers, concurrency=SLOTS, metrics=Metrics(), limits=limits)
        job = asyncio.create_task(runner.run_until_empty())
        try:
            for name in quick:
                await until(partial(_is_synced, flow, name))
            await until(partial(_holds_two, flow), within_s=1.0)  # the last of the others may yet be at its end
        finally:
            released.set()
            await runner.cancel()
            await asyncio.gather(job, return_exceptions=True)
            for name in ("gone", "slow", "edge"):
                await flow.delete("Secret", f"{name}-{flow.token}", flow.ground.home)


async def _holds_two(flow: Flow) -> bool:
    """Each of the two clusters holds one slot at most."""
    return (await flow.ground.queue.state()).running <= 2


async def test_a_push_is_looked_at_without_waiting_for_a_slow_cluster(
    sandbox_flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = sandbox_flow
    monkeypatch.setattr(clusters, "ANSWER_S", 0.05)
    async with slow() as (sluggish, _), asyncio.timeout(20):  # less than one request is given
        await add(flow, "slow", sluggish)
        try:
            (one,) = await applications(flow, "in-cluster", 1)
            (other,) = await applications(flow, "slow", 1)
            await flow.step(one)
            await flow.ground.queue.drop("application", f"{flow.ground.home}/{flow.name(other)}")
            revision = flow.repo.push({f"{one}/web.yaml": config_map(one, colour="red")})
            await flow.pushed(revision)
            await flow.step()
            assert flow.log[-1][0].startswith("repository:")
            for name in (one, other):  # what can't be told is left to its own run
                assert await flow.ground.queue.dirty("application", f"{flow.ground.home}/{flow.name(name)}")
        finally:
            await flow.delete("Secret", f"slow-{flow.token}", flow.ground.home)


async def _is_synced(flow: Flow, name: str) -> bool:
    return (await flow.words(name))[0] == "Synced"
