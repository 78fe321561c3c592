"""Valkey wiped, emptied and frozen in the middle of a deploy: time is lost, nothing else."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.controlplane.coordinates import Coordinates
from tests.faults import shop
from tests.faults.points import after, before
from tests.faults.proxy import Point
from tests.faults.rounds import reached, settled
from tests.faults.watched import LEASE_S, Watched

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("controllers"), pytest.mark.timeout(300)]

IN_THE_MIDDLE = after("api", r"^PATCH .*/namespaces/NAME/configmaps/settings\?")


@pytest.fixture
async def watched(control_plane: Coordinates, tmp_path: Path) -> AsyncIterator[Watched]:
    """Two workers, so that one may take what the other holds."""
    home = f"faults-{secrets.token_hex(3)}"
    async with Watched.up(control_plane.kubeconfig, home, tmp_path / "stage") as watched:
        await asyncio.gather(watched.start_worker(), watched.start_worker())
        yield watched


async def deployed_until(watched: Watched, name: str, point: Point) -> str:
    """Begin the first deploy; the commit, once the point was reached. The request there goes on."""

    async def strike() -> bool:
        return True

    watched.tap.strike_at(point.of(name), strike)
    pushed = await watched.stage.push("shop", shop.first(name))
    await watched.application(name, "shop")
    await reached(watched.tap, point)
    return pushed.revision


async def test_a_deploy_ends_although_valkey_comes_back_with_nothing(watched: Watched) -> None:
    name = f"{watched.home}-wiped"
    revision = await deployed_until(watched, name, IN_THE_MIDDLE)
    await watched.stage.valkey.child.kill()
    await watched.stage.valkey.wipe_and_start()
    await settled(watched, name, revision, "1")


async def test_a_push_is_deployed_although_the_queue_is_emptied_after_it(watched: Watched) -> None:
    name = f"{watched.home}-emptied"
    await settled(watched, name, await deployed_until(watched, name, before("api", "^PATCH .*NAME")), "1")
    pushed = await watched.stage.push("shop", shop.second(name))
    async with Redis.from_url(watched.stage.valkey.url) as client:
        await client.flushall()
    await settled(watched, name, pushed.revision, "2")


async def test_a_deploy_ends_although_valkey_says_nothing_for_longer_than_a_lease(watched: Watched) -> None:
    name = f"{watched.home}-frozen"
    revision = await deployed_until(watched, name, IN_THE_MIDDLE)
    watched.stage.valkey.child.signal(signal.SIGSTOP)
    await asyncio.sleep(1.5 * LEASE_S)
    watched.stage.valkey.child.signal(signal.SIGCONT)
    await settled(watched, name, revision, "1")
