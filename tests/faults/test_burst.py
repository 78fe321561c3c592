"""500 deliveries for 50 applications, three workers, two of them killed: all is as Git says, nothing ran twice."""

import asyncio
import logging
import random
import secrets
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from redis.asyncio import Redis

from deploy.demo.cluster import collection
from deploy.demo.git_server import RefUpdate
from deploy.demo.processes import Child
from deploy.demo.working_copy import WorkingCopy, git
from jobs.scripts import KEYS
from tests.controlplane.coordinates import Coordinates
from tests.faults.proxy import Tap
from tests.faults.runs import claims, overlaps
from tests.faults.watched import POLL_S, Object, Watched, kill_now

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("controllers"), pytest.mark.timeout(300)]
log = logging.getLogger(__name__)

REPOSITORIES, APPLICATIONS, COMMITS, REPEATS = 5, 10, 10, 10
SENDERS = 16
CONVERGED_S = 120.0
KILLED_S = 10.0
PARTS = ("one", "two", "three")


class Burst:
    """The repositories, what they come to, and the deliveries about them."""

    def __init__(self, watched: Watched, seed: int) -> None:
        self.watched = watched
        self.random = random.Random(seed)
        self.namespace = watched.home
        self.wanted: dict[str, str] = {}
        """Application -> the tag it has at the last commit."""
        self._commits: dict[str, list[str]] = {}

    async def prepare(self) -> None:
        """Repositories with every commit, main at the first one, and an Application for each folder."""
        self.watched.stage.hook.enabled = False
        async with asyncio.TaskGroup() as group:
            for number in range(REPOSITORIES):
                group.create_task(self._repository(f"burst-{number}"))

    async def _repository(self, repository: str) -> None:
        copy = await self.watched.stage.repository(repository)
        names = [f"{repository}-{number}" for number in range(APPLICATIONS)]
        commits = self._commits[repository] = []
        for number in range(COMMITS):
            changed = names if number == 0 else self.random.sample(names, APPLICATIONS // 2)
            self.wanted |= {name: str(number) for name in changed}
            files = {f"{name}/{part}.yaml": self._object(name, part) for name in changed for part in PARTS}
            commits.append(await copy.commit(files, f"Commit {number}"))
        await copy.push(branch="prepared")
        await self._move(copy, commits[0])
        for name in names:
            await self.watched.application(
                name, repository, destination={"name": "in-cluster", "namespace": self.namespace}
            )

    def _object(self, name: str, part: str) -> str:
        metadata = {"name": f"{name}-{part}"}
        return yaml.safe_dump(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"tag": self.wanted[name]}}
        )

    async def run(self) -> float:
        """Move every branch through its commits and send each delivery ten times, in any order; takes how long."""
        began_at, senders = time.monotonic(), asyncio.Semaphore(SENDERS)
        async with asyncio.TaskGroup() as group:
            for repository, commits in self._commits.items():
                group.create_task(self._deliveries(repository, commits, senders))
        return time.monotonic() - began_at

    async def _deliveries(self, repository: str, commits: list[str], senders: asyncio.Semaphore) -> None:
        copy = await self.watched.stage.repository(repository)
        waiting: list[int] = []
        for number, commit in enumerate(commits):
            await self._move(copy, commit)
            waiting += [number] * REPEATS
            self.random.shuffle(waiting)
            late = self.random.randrange(REPEATS) if number < len(commits) - 1 else 0
            waiting, sent = waiting[:late], waiting[late:]
            async with asyncio.TaskGroup() as group:
                for each in sent:
                    group.create_task(self._deliver(repository, commits, each, senders))

    async def _deliver(self, repository: str, commits: list[str], number: int, senders: asyncio.Semaphore) -> None:
        before = commits[max(0, number - 1)]
        update = RefUpdate(f"{repository}.git", "refs/heads/main", before, commits[number])
        async with senders:
            delivery = await self.watched.stage.hook.send(update, delivery_id=f"{repository}-{number}")
        assert delivery.status == 202, delivery

    async def _move(self, copy: WorkingCopy, commit: str) -> None:
        await git(copy.bare, "update-ref", "refs/heads/main", commit)

    async def differences(self) -> list[str]:
        """Objects that are not as the last commit says."""
        listed = await self.watched.stage.cluster.request("GET", collection("v1", "configmaps", self.namespace))
        found = {item["metadata"]["name"]: item["data"] for item in listed["items"]}
        found.pop("kube-root-ca.crt", None)
        wanted = {f"{name}-{part}": {"tag": tag} for name, tag in self.wanted.items() for part in PARTS}
        return sorted(
            f"{key}: {found.get(key)}, not {wanted.get(key)}"
            for key in found.keys() | wanted.keys()
            if found.get(key) != wanted.get(key)
        )

    async def unfinished(self) -> list[str]:
        """Applications that do not say that they are synced."""
        path = f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications"
        listed = await self.watched.stage.cluster.request("GET", path)
        return [item["metadata"]["name"] for item in listed["items"] if not _is_synced(item)]


async def test_a_burst_with_two_of_three_workers_killed_ends_as_git_says(
    control_plane: Coordinates, tmp_path: Path
) -> None:
    seed = secrets.randbits(32)
    log.info("seed %d", seed)
    async with Watched.up(control_plane.kubeconfig, f"burst-{secrets.token_hex(3)}", tmp_path / "stage") as watched:
        workers = [await watched.start_worker() for _ in range(3)]
        burst, began_at = Burst(watched, seed), time.monotonic()
        await burst.prepare()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(burst.run())
            for worker in workers[:2]:
                group.create_task(_kill_at(worker, watched.tap, burst.random.randint(1, 40)))
        sent = len(watched.stage.hook.deliveries)
        await converged(burst)
        log.info(
            "%d deliveries in %.1f s, converged %.1f s after the first Application; %d runs, %d writes",
            *(sent, running.result(), time.monotonic() - began_at),
            *(sum(map(len, claims(watched.tap).values())), len(watched.tap.writes(r"/configmaps/"))),
        )
        assert sent == REPOSITORIES * COMMITS * REPEATS
        assert not any(worker.alive for worker in workers[:2])
        assert overlaps(watched.tap, r"/configmaps/(burst-\d+-\d+)-") == [], seed
        assert _handed_over(watched.tap), "no application was worked on by two workers: nothing was shown"


async def converged(burst: Burst) -> None:
    """Wait until nobody works any more and the cluster is as Git says."""
    deadline = time.monotonic() + CONVERGED_S
    while (differ := await burst.differences()) or (late := await burst.unfinished()) or await _busy(burst.watched):
        assert time.monotonic() < deadline, differ or late or "the queue is not empty"
        await asyncio.sleep(4 * POLL_S)


async def _busy(watched: Watched) -> bool:
    """Whether something is claimed or waits for it, the sweep aside."""
    async with Redis.from_url(watched.stage.valkey.url) as client:
        return bool(await client.zcard(KEYS[2]) or await client.zcard(KEYS[0]))


async def _kill_at(worker: Child, tap: Tap, writes: int) -> None:
    """kill -9 when it has sent so many writes, or was not busy enough for that."""
    with suppress(TimeoutError):
        async with asyncio.timeout(KILLED_S):
            while sum(each.worker == worker.name for each in tap.writes(r"/configmaps/")) < writes:
                await asyncio.sleep(POLL_S)
    kill_now(worker)
    await worker.process.wait()


def _handed_over(tap: Tap) -> list[str]:
    return [name for name, runs in claims(tap).items() if len({run.worker for run in runs}) > 1]


def _is_synced(item: Object) -> bool:
    status = item.get("status") or {}
    phase = (status.get("operationState") or {}).get("phase")
    return ((status.get("sync") or {}).get("status"), phase) == ("Synced", "Succeeded")
