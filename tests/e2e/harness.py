"""The whole flow inside a test: its repository, its Applications, and what is told of them.

`Ground` (ground.py) is built once for a test process and API server, `Flow` is one test's share of it. Objects in the
cluster: live.py. How it is driven: driven.py.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.core.repository import Repository
from jobs.enqueue import Mark
from tests.e2e.driven import Driven
from tests.e2e.ground import Ground
from tests.e2e.live import Json
from tests.repos import Repo

__all__ = ["Flow", "Ground", "automated", "by_hand"]


@dataclass(slots=True)
class Flow(Driven):
    """One test's share of the ground."""

    repo: Repo

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

    async def project(self, **changes: Any) -> str:
        """An AppProject that allows everything but for the changes of its spec; its name."""
        allowing: Json = {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        }
        name = f"team-{self.token}"
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": name}}
        await self.create(body | {"spec": allowing | changes})
        return name

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
        await self.until_marked(full)

    async def change(self, name: str = "app", **change: Any) -> Json:
        """Merge-patch an Application as a person would, wait until the watch marked it, work off everything."""
        await self.patch("Application", self.name(name), change)
        await self.until_marked(self.name(name))
        await self.settle()
        return await self.app(name)

    async def operation(self, name: str = "app", *, settle: bool = True, **sync: Any) -> Json:
        """Ask for a sync by `.operation`, as the API does."""
        wanted = {"initiatedBy": {"username": "ada"}, "sync": sync}
        await self.patch("Application", self.name(name), {"operation": wanted})
        await self.until_marked(self.name(name))
        if settle:
            await self.settle()
        return await self.app(name)

    async def ask(self, question: str, name: str = "app") -> Json:
        """The worker's answer to a question of the API."""
        key = f"{self.ground.home}/{self.name(name)}"
        asked = asyncio.create_task(self.ground.queue.ask("application", key, question))
        while not asked.done():
            await self.work_off_one()
            await asyncio.sleep(0.01)
        answer: Json = json.loads(asked.result() or b"null")
        return answer

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


def automated(*options: str, prune: bool = True, heal: bool = True, **fields: Any) -> Json:
    """A syncPolicy: automated, pruning and healing unless told otherwise, with these syncOptions."""
    policy = {"automated": {"prune": prune, "selfHeal": heal} | fields}
    return policy | ({"syncOptions": list(options)} if options else {})


def by_hand(*options: str) -> Json:
    """A syncPolicy that does nothing by itself."""
    return {"syncOptions": list(options)} if options else {}
