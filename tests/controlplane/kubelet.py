"""The fake kubelet: a process that registers one Node and plays all Pods' lives, as pods.py decides.

It is scheduler and kubelet in one. It holds no state that a new list could not restore, so it goes on after any
break of the connection and any 410.
"""

import asyncio
import contextlib
import datetime
import json
import ssl
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import aiohttp

from tests.controlplane.pods import Bind, Pod, Remove, Report, next_step

NODE = "node-1"
RETRY_S = 0.2
PARALLEL_REQUESTS = 32
WATCH_S = 240
SILENCE_S = 90  # the API server sends a bookmark each minute
FAILURES = (aiohttp.ClientError, TimeoutError, ConnectionError)
JSON_PATCH = {"Content-Type": "application/strategic-merge-patch+json"}


class UnwellError(Exception):
    """The API server cannot answer now; the same request may succeed later."""


class WatchLostError(Exception):
    """The watch ended with an error event (410 Gone and the like): list again."""


class Kubelet:
    """Plays the Pods of one cluster until cancelled."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._latest: dict[str, Pod] = {}
        self._busy: set[str] = set()
        self._ending: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(PARALLEL_REQUESTS)

    async def run(self) -> None:
        """Never returns; a broken connection is taken up again after a moment."""
        while True:
            try:
                await self._register()
                await self._follow(await self._list())
            except (*FAILURES, UnwellError, WatchLostError):
                await asyncio.sleep(RETRY_S)

    async def _register(self) -> None:
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        await self._send("POST", "/api/v1/nodes", {"metadata": {"name": NODE, "labels": labels}})
        room = {"cpu": "1000", "memory": "4000Gi", "pods": "10000", "ephemeral-storage": "4000Gi"}
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": _now()}
        status = {"capacity": room, "allocatable": room, "conditions": [ready]}
        await self._send("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status})

    async def _list(self) -> str:
        """Look at every Pod there is; returns the resourceVersion to watch from."""
        async with self._session.get("/api/v1/pods", timeout=aiohttp.ClientTimeout(total=30)) as response:
            if response.status != 200:
                raise UnwellError
            found = await response.json()
        for pod in found["items"]:
            self._seen(pod)
        return str(found["metadata"]["resourceVersion"])

    async def _follow(self, version: str) -> None:
        """Watch until the connection breaks (raises) or the server's own time limit is over (goes on)."""
        while True:
            async for event in self._watch(version):
                if event["type"] == "ERROR":
                    raise WatchLostError
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] in ("ADDED", "MODIFIED"):
                    self._seen(event["object"])

    async def _watch(self, version: str) -> AsyncIterator[dict[str, Any]]:
        query = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE_S)
        async with self._session.get("/api/v1/pods", params=query, timeout=timeout) as response:
            if response.status != 200:
                raise WatchLostError
            rest = b""
            async for chunk in response.content.iter_any():  # readline() has a length limit, Pods have not
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    def _seen(self, pod: Pod) -> None:
        """Remember the newest state of a Pod and see to it; one Pod is never seen to twice at a time."""
        uid = pod["metadata"]["uid"]
        self._latest[uid] = pod
        if uid not in self._busy:
            self._busy.add(uid)
            self._spawn(self._see_to(uid))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)  # the loop itself keeps weak references only
        task.add_done_callback(self._tasks.discard)

    async def _see_to(self, uid: str) -> None:
        try:
            while pod := self._latest.pop(uid, None):
                try:
                    async with self._slots:
                        await self._act(pod)
                except (*FAILURES, UnwellError):
                    self._latest.setdefault(uid, pod)
                    await asyncio.sleep(RETRY_S)
        finally:
            self._busy.discard(uid)

    async def _act(self, pod: Pod) -> None:
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        match next_step(pod, _now()):
            case Bind():
                target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
                await self._send("POST", f"{path}/binding", {"metadata": {"name": meta["name"]}, "target": target})
            case Remove():
                await self._send("DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})
            case Report(after_s=0, status=status):
                await self._report(path, meta["uid"], status)
            case Report() as report if meta["uid"] not in self._ending:
                self._ending.add(meta["uid"])
                self._spawn(self._end(path, meta["uid"], report))

    async def _end(self, path: str, uid: str, report: Report) -> None:
        """Report the end of a Pod after a while; meanwhile the Pod may still be seen to (it may be deleted)."""
        try:
            await asyncio.sleep(report.after_s)
            while True:
                with contextlib.suppress(*FAILURES, UnwellError):
                    return await self._report(path, uid, report.status)
                await asyncio.sleep(RETRY_S)
        finally:
            self._ending.discard(uid)

    async def _report(self, path: str, uid: str, status: dict[str, Any]) -> None:
        # The uid keeps a status from a successor of the same name (a StatefulSet's Pod).
        await self._send("PATCH", f"{path}/status", {"metadata": {"uid": uid}, "status": status})

    async def _send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """One request. Conflicts and missing objects are no failures: a newer event comes. Raises UnwellError."""
        headers = JSON_PATCH if method == "PATCH" else {}
        timeout = aiohttp.ClientTimeout(total=10)
        async with self._session.request(method, path, json=body, headers=headers, timeout=timeout) as response:
            if response.status == 429 or response.status >= 500:
                raise UnwellError
            if response.status >= 400 and response.status not in (404, 409):
                sys.stderr.write(f"{method} {path}: {response.status} {(await response.text())[:500]}\n")


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def run(kubeconfig: Path) -> None:
    """Play the kubelet of the cluster this kubeconfig (of coordinates.py's shape) points at. Never returns."""
    config = json.loads(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    headers = {"Authorization": f"Bearer {user['token']}", "User-Agent": "kubelet"}
    context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    connector = aiohttp.TCPConnector(ssl=context, limit=PARALLEL_REQUESTS + 1)
    async with aiohttp.ClientSession(cluster["server"], headers=headers, connector=connector) as session:
        await Kubelet(session).run()
