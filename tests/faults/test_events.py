"""Deliveries late, twice and out of order, a rewritten and a deleted branch: what counts is what the branch is now."""

import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.cluster import collection
from deploy.demo.git_server import NO_COMMIT, RefUpdate
from deploy.demo.working_copy import git
from tests.controlplane.coordinates import Coordinates
from tests.faults.rounds import quiet
from tests.faults.watched import Object, Watched, synced

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("controllers"), pytest.mark.timeout(300)]

BRANCH = "main"


class Host:
    """A Git host that is silent about pushes, and then says what the test wants, when it wants."""

    def __init__(self, watched: Watched) -> None:
        self.watched, self.name = watched, watched.home
        self._deliveries = 0
        watched.stage.hook.enabled = False

    async def push(self, tag: str, *options: str) -> str:
        """A commit with one object in this version; its id."""
        copy = await self.watched.stage.repository("shop")
        metadata = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
        content = json.dumps({**metadata, "data": {"tag": tag}})
        revision = await copy.commit({f"{self.name}/settings.yaml": content}, f"Set the tag {tag}")
        await copy.push(*options)
        return revision

    async def deliver(self, before: str, after: str, *, again: bool = False) -> None:
        """A delivery; `again`: one that was sent already, with the same id."""
        self._deliveries += not again
        update = RefUpdate("shop.git", f"refs/heads/{BRANCH}", before, after)
        said = await self.watched.stage.hook.send(update, delivery_id=f"{self.name}-{self._deliveries}")
        assert said.status == 202

    async def deployed(self, revision: str, tag: str) -> Object:
        """Wait until it is, and nothing more is to be done; the object."""
        await self.watched.until(self.watched.path(self.name), synced(revision))
        await quiet(self.watched, self.name)
        found = await self.settings()
        assert found is not None
        assert found["data"] == {"tag": tag}
        return found

    async def settings(self) -> Object | None:
        """The object that is deployed."""
        return await self.watched.stage.cluster.get(f"{collection('v1', 'configmaps', self.name)}/settings")

    def tags_written(self) -> list[str]:
        """In the order of the writes."""
        writes = self.watched.tap.writes(rf"^PATCH .*/namespaces/{self.name}/configmaps/settings")
        return [json.loads(write.body)["data"]["tag"] for write in writes]


@pytest.fixture
async def host(control_plane: Coordinates, tmp_path: Path) -> AsyncIterator[Host]:
    """With one worker and an Application that follows the branch; its first version is deployed."""
    home = f"faults-{secrets.token_hex(3)}"
    async with Watched.up(control_plane.kubeconfig, home, tmp_path / "stage") as watched:
        await watched.start_worker()
        host = Host(watched)
        revision = await host.push("0")
        await watched.application(host.name, "shop", source={"targetRevision": BRANCH})
        await host.deployed(revision, "0")
        yield host


async def test_the_tip_wins_over_deliveries_that_are_late_repeated_or_out_of_order(host: Host) -> None:
    commits = [await host.push(str(number)) for number in range(1, 5)]
    await host.deliver(commits[2], commits[3])
    await host.deployed(commits[3], "4")
    await host.deliver(commits[0], commits[1])
    await host.deliver(commits[1], commits[2], again=True)
    await host.deliver(NO_COMMIT, commits[0])
    last = await host.push("5")
    await host.deliver(commits[0], commits[1])
    await host.deployed(last, "5")
    assert host.tags_written() == ["0", "4", "5"]


async def test_a_rewritten_branch_is_deployed_and_the_old_history_never_comes_back(host: Host) -> None:
    dropped = await host.push("dropped")
    await host.deliver(NO_COMMIT, dropped)
    await host.deployed(dropped, "dropped")
    copy = await host.watched.stage.repository("shop")
    await copy.git("reset", "-q", "--hard", "HEAD~1")
    rewritten = await host.push("rewritten", "--force")
    await host.deliver(dropped, rewritten)
    await host.deployed(rewritten, "rewritten")
    await host.deliver(NO_COMMIT, rewritten)
    await host.deployed(rewritten, "rewritten")
    assert host.tags_written() == ["0", "dropped", "rewritten"]


async def test_a_deleted_branch_is_said_and_what_runs_stays_as_it_is(host: Host) -> None:
    copy = await host.watched.stage.repository("shop")
    deployed, head = await host.settings(), await copy.head()
    await git(copy.bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
    await host.deliver(head, NO_COMMIT)
    path = host.watched.path(host.name)
    said = await host.watched.until(path, lambda found: condition(found, "ComparisonError"))
    assert BRANCH in (words := condition(said, "ComparisonError"))
    assert "shop" in words
    assert await host.settings() == deployed

    back = await host.push("back")
    await host.deliver(NO_COMMIT, back)
    healed = await host.deployed(back, "back")
    assert deployed is not None
    assert healed["metadata"]["uid"] == deployed["metadata"]["uid"]
    assert condition(await host.watched.until(path, bool), "ComparisonError") == ""


def condition(application: Object | None, kind: str) -> str:
    """The message of a condition; empty: there is none."""
    found: list[Any] = ((application or {}).get("status") or {}).get("conditions") or []
    return next((str(each["message"]) for each in found if each["type"] == kind), "")
