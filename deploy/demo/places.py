"""The clusters the demo can play on: one in memory, the test control plane, or the one a kubeconfig names now."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.demo import ground
from deploy.demo.cluster import Cluster
from deploy.demo.processes import ROOT, Child, ChildError
from deploy.demo.repository import ENVIRONMENTS, MADE_UP, REAL, Image
from deploy.demo.stage import HOME
from deploy.demo.terminal import Terminal
from deploy.demo.watch import NotSeen, watching

START_S = 120.0
GONE_S = 120.0
TARGETS = tuple(f"shop-{environment}" for environment in ENVIRONMENTS)


class Declined(Exception):
    """The person said no, or nobody was there to say yes."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster that is ready for the stage."""

    name: str
    kubeconfig: str
    """Path, or several with colons between."""
    image: Image = MADE_UP
    home: str = HOME


@asynccontextmanager
async def sandbox(folder: Path, _: Terminal) -> AsyncIterator[Place]:
    """A Kubernetes API in memory, in a process of its own."""
    kubeconfig = folder / "kubeconfig"
    command = [sys.executable, "-m", "deploy.sandbox", "--kubeconfig", str(kubeconfig)]
    async with _child("sandbox", command, folder, lambda log: "Kubernetes API in memory at" in log):
        yield Place("a Kubernetes API in memory (make demo CLUSTER=real: a real one)", str(kubeconfig))


@asynccontextmanager
async def real(folder: Path, terminal: Terminal) -> AsyncIterator[Place]:
    """A real etcd, kube-apiserver and kube-controller-manager; built once, which takes some ten minutes."""
    # In the foreground: it shows its progress, and a Ctrl-C reaches it.
    build = [sys.executable, "-m", "tests.controlplane", "build"]
    if await asyncio.to_thread(subprocess.call, build, cwd=ROOT):
        raise ChildError("the test control plane cannot be built")
    plane = folder / "plane"
    plane.mkdir()
    command = [sys.executable, "-m", "tests.controlplane", "run", "--dir", str(plane), "--while-pid", str(os.getpid())]
    async with AsyncExitStack() as stack:
        with terminal.waiting("starting etcd, kube-apiserver and kube-controller-manager"):
            child = _child("control-plane", command, folder, lambda log: "export KUBECONFIG=" in log)
            await stack.enter_async_context(child)
        yield Place("a real kube-apiserver with etcd and kube-controller-manager", str(plane / "kubeconfig"))


@asynccontextmanager
async def current(_: Path, terminal: Terminal) -> AsyncIterator[Place]:
    """The kubeconfig's own context: asks first, uses nothing that is there already, and cleans up."""
    kubeconfig = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    home = f"{HOME}-demo"
    async with Cluster.connect(kubeconfig) as cluster, AsyncExitStack() as stack:
        missing = await ground.missing_definitions(cluster)
        await _agreed(cluster, (home, *TARGETS), missing, terminal)
        stack.push_async_callback(_clean_up, cluster, (home, *TARGETS), missing, terminal)
        yield Place(f"the cluster of context {cluster.access.context}", kubeconfig, REAL, home)


PLACES = {"sandbox": sandbox, "real": real, "current": current}


async def _agreed(
    cluster: Cluster, namespaces: tuple[str, ...], definitions: tuple[str, ...], terminal: Terminal
) -> None:
    """Raises Declined."""
    there = [name for name in namespaces if await cluster.get(f"/api/v1/namespaces/{name}")]
    if there:
        raise Declined(f"{', '.join(there)} exists there already, and the demo takes over nothing: delete it first")
    terminal.say(f"Context {cluster.access.context}, API server {cluster.access.server}")
    terminal.say(f"  will get the namespaces {', '.join(namespaces)}, with two small Deployments ({REAL.repository})")
    terminal.say(
        f"  and the CRDs {', '.join(definitions)}" if definitions else "  and keeps its Argo CD CRDs as they are"
    )
    terminal.say("  all of which the demo deletes when it ends.")
    if not await terminal.ask("Go on?"):
        raise Declined("nothing was done")


async def _clean_up(
    cluster: Cluster, namespaces: tuple[str, ...], definitions: tuple[str, ...], terminal: Terminal
) -> None:
    terminal.say(f"Deleting {', '.join((*namespaces, *definitions))}")
    for name in namespaces:
        await cluster.delete(f"/api/v1/namespaces/{name}")
    for name in definitions:
        await cluster.delete(f"{ground.DEFINITIONS}/{name}")
    with suppress(NotSeen):
        async with watching(cluster, "/api/v1/namespaces") as watch:
            await watch.until(lambda found: not found.keys() & {*namespaces}, within_s=GONE_S)
            return
    terminal.say("The namespaces are still going: kubectl get namespaces shows when they are gone")


@asynccontextmanager
async def _child(name: str, command: list[str], folder: Path, ready: Callable[[str], bool]) -> AsyncIterator[None]:
    """A process that says in its log when it is ready. Raises ChildError."""
    log = folder / f"{name}.log"
    child = await Child.start(name, command, log=log, env=os.environ)

    async def answers() -> bool:
        return ready(log.read_text())

    try:
        await child.ready(answers, within_s=START_S)
        yield
    finally:
        await child.stop(within_s=5.0)
