"""Pilothouse as the chart installs it: its objects in the test control plane, its processes under its own accounts.

A test cluster runs no images, so receiver and worker are processes of this machine; everything else about them is the
chart's: the account (by a token of its own), the settings, the Secret with the webhook's key. Valkey and the Git host
are the real ones of the demo, since the chart's addresses lead nowhere here.
"""

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from deploy.demo.git_server import GitServer
from deploy.demo.hook import Hook
from deploy.demo.processes import Child, free_port
from deploy.demo.valkey import Valkey
from deploy.demo.working_copy import WorkingCopy
from tests.controlplane.coordinates import Coordinates, write_kubeconfig
from tests.controlplane.request import KubeRequest
from tests.deploy.cluster import APPLICATIONS, allowed_at_last, apply, path_of
from tests.deploy.rendering import Object, Values, one, pod_of, render
from tests.valkey import until

APPLICATION = "applications.argoproj.io"
SECRET = "a-secret-for-the-webhook"
SEEN_S = 60.0
"""As long as anything here may take on a busy machine."""


@dataclass
class Installed:
    """A Pilothouse that runs. `Installed.up` makes one; its processes and cluster-scoped objects go with the block."""

    kube: KubeRequest
    plane: Coordinates
    home: str
    folder: Path
    objects: list[Object]
    valkey: Valkey = field(init=False)
    git: GitServer = field(init=False)
    copy: WorkingCopy = field(init=False)
    hook: Hook = field(init=False)
    url: str = ""
    """Base URL of the receiver."""
    children: dict[str, Child] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def up(
        cls, kube: KubeRequest, plane: Coordinates, home: str, folder: Path, values: Values
    ) -> AsyncIterator["Installed"]:
        """Install with these values into the namespace `home`, start everything, yield it when all of it answers."""
        async with AsyncExitStack() as stack:
            made = cls(kube, plane, home, folder, render(values, home))
            stack.push_async_callback(made._uninstall)
            await made._install()
            await made._surroundings(stack)
            for part in ("receiver", "worker"):
                await made._start(part, stack)
            yield made

    async def _install(self) -> None:
        secret = {"metadata": {"name": "pilothouse-secret"}, "stringData": {"webhook.github.secret": SECRET}}
        assert (await self.kube("POST", f"/api/v1/namespaces/{self.home}/secrets", secret)).status == 201
        for body in self.objects:
            status, answer = await apply(self.kube, body)
            assert status in (200, 201), (body["kind"], answer)
        user = f"system:serviceaccount:{self.home}:pilothouse"
        await allowed_at_last(self.kube, f"{user}-receiver", "create", "tokenreviews.authentication.k8s.io")
        for part in ("receiver", "worker"):
            await allowed_at_last(self.kube, f"{user}-{part}", "watch", APPLICATION, namespace=self.home)

    async def _uninstall(self) -> None:
        """What the namespace's end does not take along."""
        for body in self.objects:
            if "namespace" not in body["metadata"]:
                await self.kube("DELETE", path_of(body))

    async def _surroundings(self, stack: AsyncExitStack) -> None:
        (self.folder / "git").mkdir(parents=True)
        self.valkey = Valkey(self.folder)
        stack.push_async_callback(self.valkey.stop)
        await self.valkey.start()
        self.hook = Hook(lambda name: f"{self.git.url}/{name}", lambda: self.url, SECRET)
        self.git = await stack.enter_async_context(GitServer(self.folder / "git", pushed=self.hook.pushed))
        self.copy = WorkingCopy(self.git.root, "shop", f"{self.git.url}/shop.git")
        await self.copy.create()

    async def _start(self, part: str, stack: AsyncExitStack) -> None:
        """The container of a Deployment as a process: its settings, its account; addresses and folders are ours."""
        port = free_port()
        own = {
            "KUBECONFIG": str(await self._kubeconfig(part)),
            "PILOTHOUSE_REDIS_URL": self.valkey.url,
            "PILOTHOUSE_DATA_DIR": str(self.folder / "data"),
            "PILOTHOUSE_GIT_PROTOCOLS": "http",
            "PILOTHOUSE_LISTEN": f"127.0.0.1:{port}",
            "PILOTHOUSE_WORKER_LISTEN": f"127.0.0.1:{port}",
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PILOTHOUSE_")}
        module = {"receiver": "receiver", "worker": "jobs"}[part]
        child = await Child.start(
            part, [sys.executable, "-m", module], log=self.log(part), env={**clean, **self.settings(part), **own}
        )
        stack.push_async_callback(child.stop, within_s=5.0)
        probe = {"receiver": "readyz", "worker": "healthz"}[part]
        await child.ready(lambda: answers(f"http://127.0.0.1:{port}/{probe}"))
        self.children[part] = child
        if part == "receiver":
            self.url = f"http://127.0.0.1:{port}"

    def settings(self, part: str) -> dict[str, str]:
        """The environment that the chart gives a container."""
        pod = pod_of(one(self.objects, "Deployment", f"pilothouse-{part}"))
        return {item["name"]: item["value"] for item in pod["containers"][0]["env"] if "value" in item}

    async def token(self, part: str) -> str:
        """A token of the account that the chart's Deployment names."""
        account = pod_of(one(self.objects, "Deployment", f"pilothouse-{part}"))["serviceAccountName"]
        return await self.kube.account_token(self.home, account)

    async def _kubeconfig(self, part: str) -> Path:
        path = self.folder / f"{part}.kubeconfig"
        write_kubeconfig(path, url=self.plane.url, ca_file=self.plane.ca_file, token=await self.token(part))
        return path

    def log(self, part: str) -> Path:
        """Where a process logs to."""
        return self.folder / f"{part}.log"

    async def push(self, files: Mapping[str, str | None], message: str = "Change") -> str:
        """Commit and push; the webhook has been answered on return."""
        revision = await self.copy.commit(files, message)
        await self.copy.push()
        assert self.hook.deliveries[-1].status == 202, self.hook.deliveries[-1]
        return revision

    def application(self, name: str, namespace: str, *options: str, **fields: Any) -> Object:
        """An Application of the chart in `shop`, automated, pruning and healing."""
        automated = {"prune": True, "selfHeal": True}
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
            "spec": {
                "project": "default",
                "source": {"repoURL": f"{self.git.url}/shop.git", "path": "cart", "targetRevision": "main"},
                "destination": {"name": "in-cluster", "namespace": namespace},
                "syncPolicy": {"automated": automated, "syncOptions": list(options)},
                **fields,
            },
        }

    async def create(self, application: Object) -> None:
        """Create an Application as a person with kubectl does."""
        answer = await self.kube("POST", APPLICATIONS.format(self.home), application)
        assert answer.status == 201, answer

    def path(self, name: str) -> str:
        """The path of an Application."""
        return f"{APPLICATIONS.format(self.home)}/{name}"

    async def until_status(self, name: str, sync: str, *, revision: str = "", phase: str = "") -> Object:
        """Wait until an Application says so; its status. Fails with what it says instead, and what the worker said.

        phase: of the last operation; empty: it may be any.
        """

        def is_so(answer: Any) -> bool:
            found = answer.body.get("status", {})
            said = found.get("sync", {})
            right_phase = phase in ("", found.get("operationState", {}).get("phase"))
            return said.get("status") == sync and said.get("revision", "").startswith(revision) and right_phase

        try:
            body = await self.kube.until(self.path(name), is_so, SEEN_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.children['worker'].last_lines(20)}") from None
        status: Object = body["status"]
        return status

    async def api(self, method: str, path: str, token: str = "", body: Any = None) -> tuple[int, Any]:
        """A request to the receiver's API."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, f"{self.url}/api/v1/{path}", json=body) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def deleted(self, name: str) -> None:
        """Delete an Application and wait until its cascade is over."""
        await self.kube("DELETE", self.path(name))
        await self.kube.until(self.path(name), lambda answer: answer.status == 404, SEEN_S)

    async def until_logged(self, part: str, words: str) -> None:
        """Wait for words in a log."""
        await until(lambda: words in self.log(part).read_text(), within_s=SEEN_S)


async def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError):
        return False


CHART = """\
apiVersion: v2
name: cart
version: 0.1.0
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: 1
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec:
      containers: [{name: cart, image: "registry.example.com/cart:{{ .Values.tag }}"}]
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {app: {{ .Release.Name }}}
  ports: [{port: 80}]
"""
SHOP = {
    "cart/Chart.yaml": CHART,
    "cart/values.yaml": "tag: v1\n",
    "cart/templates/deployment.yaml": DEPLOYMENT,
    "cart/templates/service.yaml": SERVICE,
}
