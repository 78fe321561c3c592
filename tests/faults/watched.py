"""A whole Pilothouse whose workers reach API server, Valkey and Git only through fault proxies.

Each worker has proxies of its own, so the log tells who did what. The Git host has one address for all.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from deploy.demo.processes import Child
from deploy.demo.stage import Stage
from tests.faults.http_proxy import HttpProxy
from tests.faults.proxy import Tap
from tests.faults.resp_proxy import RespProxy

LEASE_S = 2.0
POLL_S = 0.05
QUICK = {
    "PILOTHOUSE_LEASE_S": str(LEASE_S),
    "PILOTHOUSE_RENDERERS": "1",
    # What a fault loses must come back by itself, not by a sweep that happens to come by.
    "PILOTHOUSE_SWEEP_INTERVAL_S": "600",
    "PILOTHOUSE_GIT_POLL_INTERVAL_S": "600",
}
Object = dict[str, Any]


class Watched:
    """A stage, its proxies and their log."""

    def __init__(self, stage: Stage, stack: AsyncExitStack) -> None:
        self.stage, self.tap = stage, Tap()
        self.git = HttpProxy("any", "git", stage.git.url, self.tap)
        self._stack = stack
        # Socket paths are limited to 107 bytes, and pytest's folders are long.
        self._sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pf-")))

    @classmethod
    @asynccontextmanager
    async def up(cls, kubeconfig: str, home: str, folder: Path, **settings: str) -> AsyncIterator["Watched"]:
        """Everything but workers. home: the namespace of the Applications, one of its own for each stage."""
        async with AsyncExitStack() as stack:
            given = {**QUICK, "PILOTHOUSE_NAMESPACES": home, **settings}
            stage = await stack.enter_async_context(
                Stage.up(kubeconfig=kubeconfig, workers=0, settings=given, folder=folder)
            )
            watched = cls(stage, stack)
            stage.git.url = await watched.git.start()
            stack.push_async_callback(watched.git.close)
            try:
                yield watched
            except BaseException as error:
                error.add_note(stage.last_lines(25))
                raise
            finally:
                for worker in stage.workers:
                    await kill(worker)

    def path(self, name: str) -> str:
        """The path of an Application."""
        return f"/apis/argoproj.io/v1alpha1/namespaces/{self.home}/applications/{name}"

    @property
    def home(self) -> str:
        """The namespace of the Applications."""
        return self.stage.home

    async def start_worker(self) -> Child:
        """One more, with proxies of its own; it is in the log by its name."""
        name = f"worker-{len(self.stage.workers) + 1}"
        access = self.stage.cluster.access
        api = HttpProxy(name, "api", access.server, self.tap, access.tls)
        valkey = RespProxy(name, self.stage.valkey.folder / "s", self._sockets / name, self.tap)
        for proxy in (api, valkey):
            self._stack.push_async_callback(proxy.close)
        token = access.headers["Authorization"].removeprefix("Bearer ")
        kubeconfig = self._sockets / f"{name}.yaml"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(await api.start(), token)))
        own = {"KUBECONFIG": str(kubeconfig), "PILOTHOUSE_REDIS_URL": await valkey.start()}
        return await self.stage.start_worker(own)

    async def application(self, name: str, repository: str, **spec: Any) -> str:
        """Create an Application of the folder of its name, with these fields of its spec; its path."""
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": self.home},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.stage.git_url(repository), "path": name, **spec.pop("source", {})},
                "destination": {"name": "in-cluster", "namespace": name},
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": ["CreateNamespace=true"],
                    "retry": {"limit": -1, "backoff": {"duration": "1s", "maxDuration": "2s"}},
                },
                **spec,
            },
        }
        await self.stage.cluster.request("POST", self.path(name).rpartition("/")[0], body)
        return self.path(name)

    async def until(self, path: str, accepted: Callable[[Object | None], object], within_s: float = 30.0) -> Object:
        """Poll an object until it is accepted. Raises AssertionError with what it was last."""
        deadline = time.monotonic() + within_s
        while not accepted(found := await self.stage.cluster.get(path)):
            status = (found or {}).get("status") or found
            assert time.monotonic() < deadline, f"{path} is not as expected after {within_s:g} s: {status}"
            await asyncio.sleep(POLL_S)
        return found or {}


async def kill(worker: Child) -> None:
    """SIGKILL to a worker and its renderers, and wait until it is gone."""
    kill_now(worker)
    await worker.process.wait()


def kill_now(worker: Child) -> None:
    """SIGKILL to the whole process group, at once; it is not reaped yet when this returns."""
    if worker.alive:
        os.killpg(worker.pid, signal.SIGKILL)


def synced(revision: str) -> Callable[[Object | None], bool]:
    """Whether an Application says Synced and Succeeded at this commit, and its last run is over."""

    def accepted(application: Object | None) -> bool:
        status = (application or {}).get("status") or {}
        sync, operation = status.get("sync") or {}, status.get("operationState") or {}
        ran = (operation.get("syncResult") or {}).get("revision")
        return (sync.get("status"), sync.get("revision"), operation.get("phase"), ran) == (
            *("Synced", revision, "Succeeded"),
            revision,
        )

    return accepted


def _kubeconfig(server: str, token: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxied", "cluster": {"server": server}}],
        "users": [{"name": "proxied", "user": {"token": token}}],
        "contexts": [{"name": "proxied", "context": {"cluster": "proxied", "user": "proxied"}}],
        "current-context": "proxied",
    }
