"""One run of the whole system, with everything that can go wrong for a Secret: no value of it is told anywhere."""

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from deploy.demo.cluster import collection
from deploy.demo.processes import Child, free_port
from deploy.demo.stage import Stage
from tests.controlplane.coordinates import Coordinates
from tests.planted import PLANTED, files, immutable, leaks
from tests.valkey import Valkey

FOLDERS = ("vault", "base64", "immutable", "docker", "typed", "schema", "broken", "template")
ELSEWHERE = ("away", "refused")
ADDRESS = "address"
"""Its own spec holds a password: what repeats the spec, as Argo CD does, is left out here."""
ORDINARY = "ordinary"
TYPE = "argocd.argoproj.io/secret-type"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
APPLICATIONS = "applications"
SEEN_S = 60.0

Json = dict[str, Any]


class Scene:
    """The running system and everything it says."""

    def __init__(self, stage: Stage, target: str) -> None:
        self.stage, self.target = stage, target
        self.answers: dict[str, str] = {}

    @property
    def applications(self) -> str:
        """The path of the home namespace's Applications."""
        return collection("argoproj.io/v1alpha1", APPLICATIONS, self.stage.home)

    async def create(self, name: str, **spec: Any) -> None:
        """An Application of the folder of its name, automated."""
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "labels": {} if name == ADDRESS else {ORDINARY: "yes"}},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.stage.git_url("vault"), "path": name},
                "destination": {"name": "in-cluster", "namespace": self.target},
                "syncPolicy": {"automated": {}, "retry": {"limit": 0}},
                **spec,
            },
        }
        await self.stage.cluster.request("POST", self.applications, body)

    async def keep(self, name: str, labels: dict[str, str], /, **data: str) -> None:
        """A Secret of the home namespace."""
        metadata = {"name": name, "namespace": self.stage.home, "labels": labels}
        await self.stage.cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    async def until(self, name: str, accepted: Callable[[Json], bool]) -> Json:
        """Wait until an Application is as accepted."""
        async with asyncio.timeout(SEEN_S):
            while not accepted(found := await self.stage.cluster.get(f"{self.applications}/{name}") or {}):
                await asyncio.sleep(0.05)
        return found

    async def api(self, path: str, *, token: str | None = None, method: str = "GET", body: Any = None) -> str:
        """Ask the API and remember what it says; the answer."""
        headers = {"Authorization": f"Bearer {self.stage.token if token is None else token}"}
        url = f"{self.stage.receiver_url}{path}"
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=body) as answer,
        ):
            text = await answer.text()
            self.answers[f"{method} {path} ({answer.status})"] = text
            return text

    async def outputs(self) -> dict[str, str]:
        """All that logs, statuses, Events, answers and metrics say."""
        found = {log.name: log.read_text(errors="replace") for log in self.stage.logs.iterdir()}
        listed = await self.stage.cluster.request("GET", self.applications)
        for item in listed["items"]:
            name = item["metadata"]["name"]
            status = item["status"]
            if name == ADDRESS:
                status = {**status, "sync": None, "history": None}
            found[f"status of {name}"] = json.dumps(status)
            found[f"annotations of {name}"] = json.dumps(item["metadata"].get("annotations"))
        for namespace in (self.stage.home, self.target):
            events = await self.stage.cluster.request("GET", collection("v1", "events", namespace))
            found[f"Events in {namespace}"] = json.dumps(events)
        for worker in self.stage.workers:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"{self.stage.worker_url(worker)}/metrics") as it,
            ):
                found[f"metrics of {worker.name}"] = await it.text()
        return {**found, **self.answers}


def conditions(application: Json) -> str:
    """What the conditions of an Application say."""
    return " ".join(item["message"] for item in application.get("status", {}).get("conditions", []))


@pytest.fixture
async def scene(control_plane: Coordinates, namespace: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """A system that knows all the secrets, and an Application for everything that can go wrong with them."""
    valkey = Valkey()
    await asyncio.to_thread(valkey.start)
    async with valkey.client() as client:
        await client.config_set("requirepass", PLANTED["Valkey"])
    home = f"{namespace}-home"
    settings = {
        "PILOTHOUSE_NAMESPACES": home,
        "PILOTHOUSE_LOG_LEVEL": "debug",
        "PILOTHOUSE_REDIS_URL": f"{valkey.url.get_secret_value()}?password={PLANTED['Valkey']}",
    }
    try:
        async with Stage.up(kubeconfig=control_plane.kubeconfig, settings=settings, folder=tmp_path / "s") as stage:
            yield Scene(stage, namespace)
            await stage.cluster.delete(f"/api/v1/namespaces/{home}")
    finally:
        valkey.remove()


@pytest.mark.cluster
@pytest.mark.timeout(300)
async def test_no_secret_is_told_by_anything_that_a_person_or_machine_reads(scene: Scene) -> None:
    await prepared(scene)
    await everything_goes_wrong(scene)
    await everything_is_asked(scene)
    await the_queue_refuses(scene)
    outputs = await scene.outputs()
    assert {"receiver.log", "worker-1.log", "status of vault", "metrics of worker-1"} <= outputs.keys()
    found = leaks(outputs, {"the webhook": scene.stage.secret, "a caller's token": scene.stage.token})
    assert not found, "\n".join(found)
    assert "++++++++" in outputs[f"GET {managed('vault')} (200)"]


def test_a_secret_is_found_however_it_is_written() -> None:
    secret = PLANTED["the password of the repository"]
    basic = base64.b64encode(f"git:{secret}".encode()).decode()
    for text in (secret, base64.b64encode(secret.encode()).decode(), f"Basic {basic}"):
        assert leaks({"somewhere": f"words {text} words"}), text
    assert leaks({"somewhere": "words"}) == []


def managed(name: str) -> str:
    return f"/api/v1/applications/{name}/managed-resources"


async def prepared(scene: Scene) -> None:
    """Credentials, a Secret of kubectl's that is to be taken over, and the repository."""
    stage = scene.stage
    url = stage.git_url("vault")
    await scene.keep("repo", {TYPE: "repository"}, url=url, password=PLANTED["the password of the repository"])
    for name, server in (("away", "https://127.0.0.1:1"), ("refused", stage.cluster.access.server)):
        token = PLANTED["a cluster that is away" if name == "away" else "a cluster that refuses us"]
        tls = {"insecure": True}
        config = json.dumps({"bearerToken": token, "tlsClientConfig": tls})
        await scene.keep(f"cluster-{name}", {TYPE: "cluster"}, name=name, server=server, config=config)
    noted = {"kind": "Secret", "stringData": {"password": PLANTED["what kubectl noted of a Secret"]}}
    metadata = {"name": "vault", "namespace": scene.target, "annotations": {LAST_APPLIED: json.dumps(noted)}}
    old = {"password": PLANTED["what kubectl noted of a Secret"], "old": "x"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": old}
    await stage.cluster.apply(body, manager="kubectl")
    await stage.push("vault", files())
    stage.git.token = PLANTED["the password of the repository"]


async def everything_goes_wrong(scene: Scene) -> None:
    """Applications that can't be deployed, drift of a Secret, a change that is refused, a wrong password."""
    stage = scene.stage
    for name in FOLDERS:
        await scene.create(name)
    for name in ELSEWHERE:
        source = {"repoURL": stage.git_url("vault"), "path": "vault"}
        await scene.create(name, source=source, destination={"name": name, "namespace": scene.target})
    host = stage.git.url.removeprefix("http://")
    url = f"http://ada:{PLANTED['a password in an address']}@{host}/other.git"
    await scene.create(ADDRESS, source={"repoURL": url, "path": "x"})
    for name in ("vault", "immutable"):
        await scene.until(name, lambda found: found.get("status", {}).get("sync", {}).get("status") == "Synced")
    for name in sorted({*FOLDERS, *ELSEWHERE, ADDRESS} - {"vault", "immutable"}):
        await scene.until(name, conditions)

    path = f"/api/v1/namespaces/{scene.target}/secrets/vault"
    edited = base64.b64encode(PLANTED["a hand edit of a Secret"].encode()).decode()
    await stage.cluster.edit(path, {"data": {"password": edited}}, manager="kubectl-edit")
    await scene.api("/api/v1/applications/vault?refresh=hard")
    await scene.until("vault", lambda found: found["status"]["sync"]["status"] == "OutOfSync")

    stage.git.token = None
    await stage.push("vault", {"immutable/secret.yaml": immutable("after")})
    await scene.until("immutable", conditions)
    stage.git.token = "another one"
    await scene.keep(
        "repo", {TYPE: "repository"}, url=stage.git_url("vault"), password=PLANTED["a wrong password of the repository"]
    )
    async with asyncio.timeout(SEEN_S):
        while not conditions(await scene.stage.cluster.get(f"{scene.applications}/vault") or {}):
            await scene.api("/api/v1/applications/vault?refresh=hard")  # credentials are believed for 5 s


async def everything_is_asked(scene: Scene) -> None:
    """Every route, by those who may and those who may not."""
    await scene.api(f"/api/v1/applications?selector={ORDINARY}")
    for name in (*FOLDERS, *ELSEWHERE, "no-such-application"):
        await scene.api(managed(name))
        await scene.api(f"/api/v1/applications/{name}/sync", method="POST", body={"dryRun": True})
    await scene.api("/api/v1/applications", token=PLANTED["a cluster that refuses us"])
    await scene.api("/api/webhook", method="POST", body={"ref": "x"})
    for path in ("/metrics", "/readyz", "/healthz", "/api/version"):
        await scene.api(path)
    update = scene.stage.hook.deliveries[-1].update
    for secret in ("guessed", ""):
        scene.answers[f"webhook signed with {secret!r}"] = (await scene.stage.hook.send(update, secret=secret)).answer


async def the_queue_refuses(scene: Scene) -> None:
    """Both processes in front of a Valkey that is away, under an address with a password."""
    for module, path in (("receiver", "readyz"), ("jobs", "metrics")):
        port = free_port()
        own = {
            "PILOTHOUSE_REDIS_URL": f"redis://:{PLANTED['Valkey']}@127.0.0.1:1/0",
            "PILOTHOUSE_LISTEN": f"127.0.0.1:{port}",
            "PILOTHOUSE_WORKER_LISTEN": f"127.0.0.1:{port}",
        }
        settings = {"KUBECONFIG": str(scene.stage.kubeconfig), "PILOTHOUSE_NAMESPACES": scene.stage.home}
        log = scene.stage.logs / f"{module}-without-valkey.log"
        child = await Child.start(
            module, [sys.executable, "-m", module], log=log, env={**os.environ, **settings, **own}
        )
        try:
            scene.answers[f"{path} of {module} without Valkey"] = await said(f"http://127.0.0.1:{port}/{path}", child)
        finally:
            await child.stop(within_s=5.0)


async def said(url: str, child: Child) -> str:
    """The first answer of a process that has just been started; its log's end if it gave up."""
    async with asyncio.timeout(SEEN_S), aiohttp.ClientSession() as session:
        while child.alive:
            try:
                async with session.get(url) as answer:
                    return await answer.text()
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)
    return child.last_lines()
