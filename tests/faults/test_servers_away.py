"""A worker told to stop, an API server that restarts and a Git host that is gone, each in the middle of a deploy."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.demo.git_server import RefUpdate
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.plane import ControlPlane
from tests.faults import shop
from tests.faults.points import after, before
from tests.faults.rounds import claimed_by_another, claims_held, reached, settled
from tests.faults.test_events import condition
from tests.faults.watched import LEASE_S, Watched

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("controllers"), pytest.mark.timeout(300)]

IN_THE_MIDDLE = before("api", r"^PATCH .*/namespaces/NAME/configmaps/settings\?")


@asynccontextmanager
async def stage(kubeconfig: str, folder: Path) -> AsyncIterator[Watched]:
    """With one worker."""
    async with Watched.up(kubeconfig, f"faults-{secrets.token_hex(3)}", folder / "stage") as watched:
        await watched.start_worker()
        yield watched


async def test_a_worker_told_to_stop_in_a_write_hands_its_run_to_another(
    control_plane: Coordinates, tmp_path: Path
) -> None:
    async with stage(control_plane.kubeconfig, tmp_path) as watched:
        name, stopping = f"{watched.home}-app", watched.stage.workers[0]

        async def stop_twice_and_never_answer() -> bool:
            stopping.signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            stopping.signal(signal.SIGTERM)  # a person in a hurry: no waiting for runs
            await stopping.process.wait()
            return False

        watched.tap.strike_at(IN_THE_MIDDLE.of(name), stop_twice_and_never_answer)
        pushed = await watched.stage.push("shop", shop.first(name))
        await watched.application(name, "shop")
        await reached(watched.tap, IN_THE_MIDDLE)
        async with asyncio.timeout(20):
            assert await stopping.process.wait() == 0
        assert claims_held(watched.tap, stopping.name) == set(), "it handed back what it held"
        stopped_at = time.monotonic()
        await watched.start_worker()
        await settled(watched, name, pushed.revision, "1")
        claimed_by_another(watched.tap, f"application:{watched.home}/{name}", stopping.name, stopped_at)


async def test_a_git_host_that_is_away_is_said_and_missed_pushes_are_deployed_when_it_is_back(
    control_plane: Coordinates, tmp_path: Path
) -> None:
    async with stage(control_plane.kubeconfig, tmp_path) as watched:
        name, host = f"{watched.home}-app", watched.stage
        pushed = await host.push("shop", shop.first(name))
        await watched.application(name, "shop")
        await settled(watched, name, pushed.revision, "1")

        host.hook.enabled = False
        missed = await host.push("shop", shop.second(name))
        watched.git.away = True
        update = RefUpdate("shop.git", "refs/heads/main", pushed.revision, missed.revision)
        assert (await host.hook.send(update)).status == 202
        said = await watched.until(watched.path(name), lambda found: condition(found, "ComparisonError"))
        assert host.git_url("shop").removesuffix(".git") in condition(said, "ComparisonError")
        assert await shop.differences(host.cluster, watched.home, name, "1") == []

        watched.git.away = False
        await settled(watched, name, missed.revision, "2")


@pytest.mark.alone
async def test_a_deploy_ends_although_the_api_server_restarts_in_its_middle(tmp_path: Path) -> None:
    plane = ControlPlane()
    await asyncio.to_thread(plane.start)
    try:
        async with stage(plane.kubeconfig, tmp_path) as watched:
            name = f"{watched.home}-app"
            point = after(IN_THE_MIDDLE.service, IN_THE_MIDDLE.pattern)

            async def crash() -> bool:
                await asyncio.to_thread(plane.stop_apiserver)
                return False

            watched.tap.strike_at(point.of(name), crash)
            pushed = await watched.stage.push("shop", shop.first(name))
            await watched.application(name, "shop")
            await reached(watched.tap, point)
            await asyncio.sleep(1.5 * LEASE_S)
            await asyncio.to_thread(plane.start_apiserver)
            await settled(watched, name, pushed.revision, "1", within_s=60)
    finally:
        await asyncio.to_thread(plane.stop)
