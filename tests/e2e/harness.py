"""The whole flow inside the test: Git host, Valkey, API server and one worker's handlers, driven step by step.

`Ground` is built once for a test process and API server, `Flow` is one test's share of it: its own namespace,
repository and Applications. No worker loop runs: `settle` claims and works off what is due, so a test sees every state.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from deploy.demo.git_server import GitServer
from jobs.claim import Again, Claim
from jobs.core.repository import Repository
from jobs.enqueue import Mark, Queue
from jobs.parts import Parts
from jobs.settings import Settings, read
from jobs.wiring import build
from jobs.work import Work
from jobs.worker import running
from tests.controlplane.request import Answer, KubeRequest
from tests.deploy.cluster import install_crds
from tests.repos import Repo
from tests.valkey import Valkey, until

Json = dict[str, Any]
APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
SETTLED_S = 20.0
"""Longest time `settle` takes before the test fails, in seconds."""
POKE_S = 0.05
"""A waiting run is looked at again after this: its own timer would make the tests slow."""
PLURALS = {
    "Endpoints": "endpoints",
    "Ingress": "ingresses",
    "MutatingAdmissionPolicy": "mutatingadmissionpolicies",
    "NetworkPolicy": "networkpolicies",
}
GROUPS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
    "MutatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "MutatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "Application": "argoproj.io/v1alpha1",
    "AppProject": "argoproj.io/v1alpha1",
}
"""Where a kind is served; the core group is not listed."""
CLUSTER_SCOPED = frozenset(
    {
        "Namespace",
        "ClusterRole",
        "CustomResourceDefinition",
        "APIService",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    }
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the tests of one process and API server share."""

    kube: KubeRequest
    home: str
    """The namespace of the Applications."""
    queue: Queue
    valkey: Valkey
    git: GitServer
    work: Work
    parts: Parts

    @classmethod
    @contextlib.asynccontextmanager
    async def prepared(cls, kube: KubeRequest, kubeconfig: Path, folder: Path) -> AsyncIterator["Ground"]:
        """CRDs, a home namespace, Valkey, a Git host and the real handlers; the watch on Applications runs."""
        home = f"home-{secrets.token_hex(4)}"
        await install_crds(kube)
        status, body = await kube("POST", "/api/v1/namespaces", {"metadata": {"name": home}})
        assert status == 201, body
        valkey = Valkey().start()
        settings = read(
            Settings,
            KUBECONFIG=str(kubeconfig),
            namespaces=(home,),
            redis_url=valkey.url,
            git_protocols=("http",),
            data_dir=folder / "data",
            renderers=1,
        )
        (folder / "git").mkdir(parents=True)
        queue = Queue.of(settings)
        try:
            async with GitServer(folder / "git") as git, build(settings, queue) as work, running(work.tasks):
                # The handlers are partials over the parts the wiring built: there is no second way to them.
                parts: Parts = work.handlers["application"].keywords["parts"]  # type: ignore[attr-defined]
                yield cls(kube, home, queue, valkey, git, work, parts)
        finally:
            await queue.close()
            await kube("DELETE", f"/api/v1/namespaces/{home}")
            valkey.remove()


@dataclass(slots=True)
class Flow:
    """One test's share of the ground."""

    ground: Ground
    namespace: str
    """Where the objects go; made for this test."""
    token: str
    """Unique: part of every name that other tests could clash with."""
    repo: Repo
    names: set[str] = field(default_factory=set)
    """Applications of this test."""
    leftovers: list[tuple[str, str]] = field(default_factory=list)
    """(kind, name) of cluster-scoped objects to delete at the end."""
    log: list[tuple[str, Again | None]] = field(default_factory=list)
    """Every claim that was worked off: `kind:key` and what the handler asked for."""
    parts: Parts = field(init=False)
    """What the handlers work with; a test may replace it."""

    def __post_init__(self) -> None:
        """The shared parts, until a test asks for others."""
        self.parts = self.ground.parts

    # --- Git

    @property
    def url(self) -> str:
        """The address of this test's repository."""
        return self.url_of(self.repo)

    def url_of(self, repo: Repo) -> str:
        """The address of a repository."""
        return f"{self.ground.git.url}/{repo.name}.git"

    def another_repo(self, name: str) -> Repo:
        """One more repository, empty."""
        return Repo(self.ground.git.root, f"{name}-{self.token}")

    async def push(self, files: Mapping[str, str | bytes | None] | None = None, *, repo: Repo | None = None) -> str:
        """Commit, push and mark the repository as a webhook would; the commit's id."""
        revision = (repo or self.repo).push(files)
        await self.pushed(revision, repo=repo)
        return revision

    async def pushed(self, after: str, *, ref: str = "refs/heads/main", repo: Repo | None = None) -> None:
        """The mark that a webhook leaves."""
        name = Repository.of(self.url_of(repo or self.repo)).name
        await self.ground.queue.mark(Mark("repository", name, "push", hints={"after": after, "ref": ref}))

    # --- Applications

    def name(self, name: str) -> str:
        """The Application's name in the cluster."""
        return f"{name}-{self.token}"

    def spec(self, *, path: str = "app", helm: Json | None = None, **fields: Any) -> Json:
        """An automated Application of this test's repository, namespace and the built-in cluster; fields win."""
        source: Json = {"repoURL": self.url, "path": path, "targetRevision": "main"}
        if helm is not None:
            source["helm"] = helm
        return {
            "project": "default",
            "source": source,
            "destination": {"server": "https://kubernetes.default.svc", "namespace": self.namespace},
            "syncPolicy": automated(),
        } | fields

    async def deploy(
        self,
        name: str = "app",
        *,
        annotations: Mapping[str, str] | None = None,
        finalizers: tuple[str, ...] = (),
        **fields: Any,
    ) -> Json:
        """Create an Application, let the watch see it, work off everything; its body then."""
        await self.create_application(name, annotations=annotations, finalizers=finalizers, **fields)
        await self.settle()
        return await self.app(name)

    async def create_application(
        self,
        name: str = "app",
        *,
        annotations: Mapping[str, str] | None = None,
        finalizers: tuple[str, ...] = (),
        **fields: Any,
    ) -> None:
        """Create an Application and wait until the watch marked it."""
        full = self.name(name)
        metadata: Json = {"name": full, "namespace": self.ground.home}
        if annotations:
            metadata["annotations"] = dict(annotations)
        if finalizers:
            metadata["finalizers"] = list(finalizers)
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
        self.names.add(full)
        answer = await self.ground.kube("POST", self._path("Application"), body | {"spec": self.spec(**fields)})
        assert answer.status == 201, answer.body
        await self._until_marked(full)

    async def change(self, name: str = "app", **change: Any) -> Json:
        """Merge-patch an Application as a person would, wait until the watch marked it, work off everything."""
        await self.patch("Application", self.name(name), change)
        await self._until_marked(self.name(name))
        await self.settle()
        return await self.app(name)

    async def operation(self, name: str = "app", *, settle: bool = True, **sync: Any) -> Json:
        """Ask for a sync by `.operation`, as the API does."""
        wanted = {"initiatedBy": {"username": "ada"}, "sync": sync}
        await self.patch("Application", self.name(name), {"operation": wanted})
        await self._until_marked(self.name(name))
        if settle:
            await self.settle()
        return await self.app(name)

    async def app(self, name: str = "app") -> Json:
        """The Application as it is now."""
        found = await self.get("Application", self.name(name))
        assert found is not None, name
        return found

    async def status(self, name: str = "app") -> Json:
        """Its status; empty: there is none yet."""
        status: Json = (await self.app(name)).get("status", {})
        return status

    async def words(self, name: str = "app") -> tuple[str, str, str]:
        """Sync status, health and phase of the last operation; `-`: there is none."""
        status = await self.status(name)
        return (
            status.get("sync", {}).get("status", "-"),
            status.get("health", {}).get("status", "-"),
            status.get("operationState", {}).get("phase", "-"),
        )

    async def said(self, name: str = "app") -> str:
        """All conditions as `type: message`, one a line."""
        conditions = (await self.status(name)).get("conditions", [])
        return "\n".join(f"{item['type']}: {item['message']}" for item in conditions)

    async def results(self, name: str = "app") -> dict[str, str]:
        """`Kind/name` -> code and message of each object in the last operation."""
        state = (await self.status(name)).get("operationState", {})
        entries = state.get("syncResult", {}).get("resources", [])
        return {f"{item['kind']}/{item['name']}": f"{item.get('status', '')}: {item['message']}" for item in entries}

    async def events(self, name: str = "app") -> dict[str, list[str]]:
        """Messages of the Kubernetes Events on an Application, by reason."""
        await self.parts.events.close()
        path = f"/api/v1/namespaces/{self.ground.home}/events"
        _, body = await self.ground.kube("GET", path)
        found: dict[str, list[str]] = {}
        for item in body["items"]:
            if item["involvedObject"]["name"] == self.name(name):
                found.setdefault(item["reason"], []).append(item["message"])
        return found

    # --- objects

    def _path(self, kind: str, name: str = "", namespace: str = "") -> str:
        version = GROUPS.get(kind, "v1")
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        default = self.ground.home if kind in ("Application", "AppProject") else self.namespace
        place = "" if kind in CLUSTER_SCOPED else f"/namespaces/{namespace or default}"
        plural = PLURALS.get(kind, f"{kind.lower()}s")
        return f"{root}{place}/{plural}" + (f"/{name}" if name else "")

    async def get(self, kind: str, name: str, namespace: str = "") -> Json | None:
        """An object; None: there is none."""
        answer = await self.ground.kube("GET", self._path(kind, name, namespace))
        assert answer.status in (200, 404), answer
        return answer.body if answer.status == 200 else None

    async def live(self, kind: str, name: str, namespace: str = "") -> Json:
        """An object that must be there."""
        found = await self.get(kind, name, namespace)
        assert found is not None, f"{kind} {name} is not there"
        return found

    async def version(self, kind: str, name: str) -> str:
        """uid and resourceVersion of an object: equal means nobody touched it."""
        metadata = (await self.live(kind, name))["metadata"]
        return f"{metadata['uid']}/{metadata['resourceVersion']}"

    async def create(self, body: Json, *, manager: str = "somebody", namespace: str = "") -> Json:
        """POST an object as somebody else."""
        path = self._path(body["kind"], namespace=namespace)
        answer = await self.ground.kube("POST", path, body, params={"fieldManager": manager})
        assert answer.status == 201, answer.body
        if body["kind"] in CLUSTER_SCOPED:
            self.leftovers.append((body["kind"], body["metadata"]["name"]))
        created: Json = answer.body
        return created

    async def apply(self, body: Json, *, manager: str, force: bool = True) -> Json:
        """Server-side apply as somebody else."""
        params = {"fieldManager": manager, "force": str(force).lower()}
        path = self._path(body["kind"], body["metadata"]["name"])
        answer = await self.ground.kube("PATCH", path, body, params=params, content_type=APPLY)
        assert answer.status in (200, 201), answer.body
        applied: Json = answer.body
        return applied

    async def patch(
        self, kind: str, name: str, change: Any, *, manager: str = "kubectl-edit", sub: str = "", namespace: str = ""
    ) -> Json:
        """A merge patch, or a JSON patch if it is a list, as somebody else."""
        path = self._path(kind, name, namespace) + (f"/{sub}" if sub else "")
        content_type = JSON_PATCH if isinstance(change, list) else None
        answer: Answer = await self.ground.kube(
            "PATCH", path, change, params={"fieldManager": manager}, content_type=content_type
        )
        assert answer.status == 200, answer.body
        patched: Json = answer.body
        return patched

    async def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Delete an object as somebody else, in the background."""
        answer = await self.ground.kube(
            "DELETE", self._path(kind, name, namespace), {"propagationPolicy": "Background"}
        )
        assert answer.status in (200, 202), answer.body

    async def gone(self, kind: str, name: str, namespace: str = "", *, within_s: float = 10.0) -> None:
        """Wait until an object is gone."""
        await until(lambda: self._is_gone(kind, name, namespace), within_s=within_s)

    async def _is_gone(self, kind: str, name: str, namespace: str) -> bool:
        return await self.get(kind, name, namespace) is None

    # --- driving

    async def sweep(self, name: str = "app", *, settle: bool = True) -> None:
        """The mark that the drift sweep leaves."""
        key = f"{self.ground.home}/{self.name(name)}"
        await self.ground.queue.mark(Mark("application", key, "sweep", background=True, ends_backoff=True))
        if settle:
            await self.settle()

    async def step(self, name: str = "") -> Again | None:
        """Work off one claim, that of an Application if one is named; fails if it is not due."""
        passed = []
        while claim := await self.ground.queue.claim():
            if not name or claim.key == f"{self.ground.home}/{self.name(name)}":
                break
            passed.append(claim)
        for other in passed:
            await self.ground.queue.hand_back(other)
        assert claim is not None, f"{name or 'nothing'} is not due"
        return await self._work_off(claim)

    async def settle(self, *, waits: bool = True) -> None:
        """Work off what is due until nothing is and no run waits. waits=False: runs that wait are left waiting.

        Runs that failed and are to be tried again later are left alone.
        """
        async with asyncio.timeout(SETTLED_S):
            while True:
                worked, _ = await self._work_off_one()
                if worked:
                    continue
                waiting = [key for key, again in dict(self.log).items() if again and _waits(again)]
                if not (waiting and waits):
                    break
                await asyncio.sleep(POKE_S)
                await self._poke(waiting)
        await self._view_is_fresh()

    async def _poke(self, waiting: list[str]) -> None:
        """Marks as the timers of waiting runs leave them, now."""
        last = dict(self.log)
        for member in waiting:
            kind, _, key = member.partition(":")
            again = last[member]
            await self.ground.queue.mark(Mark(kind, key, "wait", hints=again.hints if again else None))

    async def _work_off_one(self) -> tuple[bool, Again | None]:
        claim = await self.ground.queue.claim()
        return (True, await self._work_off(claim)) if claim else (False, None)

    async def _work_off(self, claim: Claim) -> Again | None:
        handler = partial(self.ground.work.handlers[claim.kind].func, parts=self.parts)  # type: ignore[attr-defined]
        async with claim.held():
            again: Again | None = await handler(claim)
        await self.ground.queue.done(claim, again)
        self.log.append((f"{claim.kind}:{claim.key}", again))
        return again

    async def _until_marked(self, full: str) -> None:
        """Wait until the watch has told the queue of a change."""
        key = f"{self.ground.home}/{full}"
        await until(lambda: self.ground.queue.dirty("application", key))

    async def _view_is_fresh(self) -> None:
        """Wait until the worker's view has every Application as it is now: other runs look into it."""
        for full in self.names:
            body = await self.get("Application", full)
            if body is not None and body["metadata"].get("resourceVersion"):
                await until(partial(self._has, f"{self.ground.home}/{full}", body["metadata"]["resourceVersion"]))

    def _has(self, key: str, version: str) -> bool:
        known = self.ground.parts.view.get(key)
        return known is None or known.resource_version == version

    def with_settings(self, **changes: Any) -> None:
        """Let this test's handlers work with other settings."""
        changed = self.parts.settings.model_copy(update=changes)
        self.parts = replace(self.parts, settings=changed)

    # --- the end

    async def close(self) -> None:
        """Take everything of this test away; namespaces go in the background."""
        for full in self.names:
            body = await self.get("Application", full)
            if body is not None and body["metadata"].get("finalizers"):
                await self.patch("Application", full, {"metadata": {"finalizers": None}})
            await self.ground.kube("DELETE", self._path("Application", full))
        view = self.ground.parts.view
        await until(lambda: not any(f"{self.ground.home}/{full}" in tuple(view) for full in self.names))
        await asyncio.sleep(0)
        async with self.ground.valkey.client() as client:
            await client.flushall()
        for kind, name in self.leftovers:
            await self.ground.kube("DELETE", self._path(kind, name))
        await self.ground.kube("DELETE", f"/api/v1/namespaces/{self.namespace}")


def _waits(again: Again) -> bool:
    """Whether a run let go to wait for health, or for objects to be gone; failures come back later."""
    return again.why == "wait" and again.in_s is not None


def automated(*options: str, prune: bool = True, heal: bool = True, **fields: Any) -> Json:
    """A syncPolicy: automated, pruning and healing unless told otherwise, with these syncOptions."""
    policy = {"automated": {"prune": prune, "selfHeal": heal} | fields}
    return policy | ({"syncOptions": list(options)} if options else {})


def by_hand(*options: str) -> Json:
    """A syncPolicy that does nothing by itself."""
    return {"syncOptions": list(options)} if options else {}


async def eventually(condition: Any, *, within_s: float = 10.0) -> None:
    """Poll until a condition holds; fails with a TimeoutError after the deadline."""
    began = time.monotonic()
    await until(condition, within_s=within_s)
    assert time.monotonic() - began <= within_s
