"""5,000 signed deliveries while receiver or Valkey are killed or frozen: every push that was taken is deployed.

Most are of repositories that no Application uses: the worker must say of each that it looked. A few are of real ones,
pushed to again and again: what is deployed in the end must be as new as the last push that was answered with 202.
"""

import asyncio
import json
import logging
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.cluster import collection
from deploy.demo.stage import Stage
from deploy.demo.working_copy import WorkingCopy, git
from tests.controlplane.coordinates import Coordinates
from tests.faults.deliveries import Planned, Sending, made_up, remembered
from tests.faults.watched import QUICK
from tests.valkey import until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.usefixtures("controllers"),
    pytest.mark.long,
    pytest.mark.timeout(900),
]
log = logging.getLogger(__name__)

COUNT, REPOSITORIES, PUSHES = 5000, 5, 20
KILLS = 3
AWAY_S, FROZEN_S = 1.0, 10.0
SEEN_S = 300.0
Fault = Callable[[Sending], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Repository:
    """A real repository with an Application on it; its branch only ever goes on."""

    name: str
    copy: WorkingCopy
    commits: list[str]
    """The first is deployed before anything is sent."""
    at: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def move(self, number: int) -> None:
        """Let the branch be at least at this commit."""
        async with self.lock:
            if number > self.at:
                self.at = number
                await git(self.copy.bare, "update-ref", "refs/heads/main", self.commits[number])


class Scene:
    """A stage with real repositories, and what was sent."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.repositories: list[Repository] = []

    async def prepare(self) -> None:
        """Repositories, Applications, and the first commit of each deployed."""
        for number in range(REPOSITORIES):
            name = f"{self.stage.home}-{number}"
            copy = await self.stage.repository(name)
            commits = [await copy.commit(_files(push), f"Push {push}") for push in range(PUSHES + 1)]
            await copy.push(branch="prepared")
            await git(copy.bare, "update-ref", "refs/heads/main", commits[0])
            self.repositories.append(Repository(name, copy, commits))
            await self._create(name)
        for repository in self.repositories:
            await until(partial(self._is_deployed, repository, 0), within_s=60)

    async def _create(self, name: str) -> None:
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": self.stage.home},
            "spec": {
                "project": "default",
                "source": {"repoURL": self.stage.git_url(name), "path": "app", "targetRevision": "main"},
                "destination": {"name": "in-cluster", "namespace": name},
                "syncPolicy": {
                    "automated": {"prune": True, "selfHeal": True},
                    "syncOptions": ["CreateNamespace=true"],
                },
            },
        }
        path = collection("argoproj.io/v1alpha1", "applications", self.stage.home)
        await self.stage.cluster.request("POST", path, body)

    async def deployed(self, repository: Repository) -> int:
        """The number of the push whose content is in the cluster; -1: none."""
        found = await self.stage.cluster.get(f"{collection('v1', 'configmaps', repository.name)}/settings")
        return int(found["data"]["push"]) if found else -1

    async def _is_deployed(self, repository: Repository, at_least: int) -> bool:
        return await self.deployed(repository) >= at_least

    def plan(self) -> list[Planned]:
        """Pushes of real repositories evenly among the others."""
        real = [
            Planned(
                f"{repository.name}-{push}",
                self.stage.git_url(repository.name),
                repository.commits[push],
                partial(repository.move, push),
            )
            for push in range(1, PUSHES + 1)
            for repository in self.repositories
        ]
        planned, step = made_up(COUNT - len(real)), COUNT // len(real)
        for number, each in enumerate(real):
            planned.insert(number * step, each)
        return planned

    async def send(self, fault: Fault, what: str) -> Sending:
        """Send everything while the fault happens; returns when all that was taken is looked at and deployed."""
        sending = Sending(lambda: self.stage.receiver_url, self.stage.secret, self.plan())
        began_at = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(sending.run())
            group.create_task(fault(sending))
        sent_at = time.monotonic()
        sending.tell(what, sent_at - began_at)
        await until(self._nothing_is_remembered, within_s=30)
        return sending

    async def settled(self, promised: list[Planned], what: str) -> None:
        """Wait until each of these pushes is looked at, and what is deployed is no older than any of them."""
        began_at = time.monotonic()
        ids = {each.id for each in promised}
        unused = {each.id for each in promised if each.before_sending is None}
        try:
            await until(lambda: not unused - self._looked_at(), within_s=SEEN_S)
        except TimeoutError:
            missing = sorted(unused - self._looked_at())
            raise AssertionError(f"{len(missing)} pushes were taken and never looked at: {missing[:5]}") from None
        for repository in self.repositories:
            last = max((push for push in range(1, PUSHES + 1) if f"{repository.name}-{push}" in ids), default=0)
            await until(partial(self._is_deployed, repository, last), within_s=60)
        log.info(
            "%s: %d pushes looked at, %d repositories deployed, %.1f s after the last was sent",
            *(what, len(unused), len(self.repositories), time.monotonic() - began_at),
        )

    def _looked_at(self) -> set[str]:
        """Deliveries of whose repository a worker said that no Application uses it."""
        found = set()
        for worker in self.stage.workers:
            for line in worker.log.read_text().split("\n")[:-1]:  # the last one may be half written
                if '"no application uses the repository"' in line:
                    found.add(json.loads(line).get("delivery"))
        return found

    async def _nothing_is_remembered(self) -> bool:
        return await remembered(self.stage.receiver_url) == 0


def _files(push: int) -> dict[str, str | None]:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"push": str(push)}}
    return {"app/settings.yaml": json.dumps(body)}


@pytest.fixture
async def scene(control_plane: Coordinates, tmp_path: Path) -> AsyncIterator[Scene]:
    settings = {**QUICK, "PILOTHOUSE_NAMESPACES": f"door-{secrets.token_hex(3)}"}
    async with Stage.up(
        kubeconfig=control_plane.kubeconfig, workers=1, settings=settings, folder=tmp_path / "stage"
    ) as stage:
        made = Scene(stage)
        await made.prepare()
        yield made


async def test_every_push_that_a_killed_receiver_took_is_deployed(scene: Scene) -> None:
    async def kill(sending: Sending) -> None:
        for number in range(1, KILLS + 1):
            await sending.reached(number / (KILLS + 1))
            sending.open.clear()
            await scene.stage.receiver.kill()
            await scene.stage.start_receiver()
            sending.open.set()

    sending = await scene.send(kill, "receiver killed")
    assert sending.of(0), "it was killed while nothing was under way: nothing was shown"
    assert len(sending.of(202)) + len(sending.of(0)) == COUNT
    await scene.settled(sending.of(202), "receiver killed")


async def test_every_push_that_was_answered_while_valkey_was_killed_is_deployed(scene: Scene) -> None:
    async def kill(sending: Sending) -> None:
        for number in range(1, KILLS + 1):
            await sending.reached(number / (KILLS + 1))
            await scene.stage.valkey.child.kill()
            await asyncio.sleep(2 * AWAY_S if number == 1 else AWAY_S)
            await scene.stage.valkey.start()

    sending = await scene.send(kill, "Valkey killed")
    assert sending.of(503), "it was away while nothing came: nothing was shown"
    assert len(sending.of(202, 503)) == COUNT
    await scene.settled(sending.planned, "Valkey killed")


async def test_every_push_that_was_answered_while_valkey_was_frozen_is_deployed(scene: Scene) -> None:
    async def freeze(sending: Sending) -> None:
        await sending.reached(0.5)
        scene.stage.valkey.child.signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        scene.stage.valkey.child.signal(signal.SIGCONT)

    sending = await scene.send(freeze, "Valkey frozen")
    assert sending.of(503)
    assert len(sending.of(202, 503)) == COUNT
    assert sending.longest_s < 3.0
    await scene.settled(sending.planned, "Valkey frozen")
