"""Stands in for what a simulation has no machines for: API servers that answer after a while, and Applications."""

import asyncio
from dataclasses import dataclass, field

from jobs.core.application import Application, application_of
from jobs.core.errors import Unreachable
from jobs.core.objects import Manifest, ObjectId

ANSWER_S = 0.005
"""One request to an API server that has time."""
DEAD_S = 5.0
"""Until a request to one that is away is given up."""
AT_ONCE = 64
"""Requests that an API server works on at the same time; more of them stand in line."""
NAMESPACE = "pilothouse"


@dataclass(slots=True)
class Cluster:
    """One API server."""

    name: str
    dead: bool = False
    requests: int = 0
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def asked(self, requests: int, *, rounds: int) -> None:
        """So many requests, in so many rounds one after the other. Raises Unreachable when it is away."""
        self.requests += requests
        if self.dead:
            await asyncio.sleep(DEAD_S)
            raise Unreachable(f"{self.name} does not answer")
        async with self._room:
            await asyncio.sleep(ANSWER_S * rounds)


def application(number: int, *, repository: str, cluster: str, key: str) -> Application:
    """An Application that was deployed with a source key."""
    return application_of(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {
                "name": f"app-{number:05}",
                "namespace": NAMESPACE,
                "uid": f"u-{number}",
                "annotations": {"pilothouse.dev/source-key": key},
            },
            "spec": {
                "project": "default",
                "source": {"repoURL": repository, "path": f"app-{number:05}", "targetRevision": "main"},
                "destination": {"server": cluster, "namespace": f"app-{number:05}"},
                "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            },
        }
    )


def manifests(name: str, tag: str, objects: int) -> tuple[Manifest, ...]:
    """What its chart renders to: ConfigMaps, the last of which has the tag."""
    found = []
    for number in range(objects):
        target = ObjectId("", "ConfigMap", name, f"{name}-{number}")
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": target.name, "namespace": name},
            "data": {"tag": tag if number == objects - 1 else "same"},
        }
        found.append(Manifest(target, "v1", body))
    return tuple(found)
