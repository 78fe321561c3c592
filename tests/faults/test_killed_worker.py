"""kill -9 of the worker at requests of a deploy: afterwards another one brings everything to what Git says."""

import asyncio
import logging
import secrets
from pathlib import Path

import pytest

from tests.controlplane.coordinates import Coordinates
from tests.faults import points
from tests.faults.proxy import Point
from tests.faults.rounds import Lane, Struck
from tests.faults.watched import Watched

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.usefixtures("controllers"),
    pytest.mark.timeout(300),
    # A CRD of a test beside it changes what charts see of the cluster, and so what every Application is deployed from.
    pytest.mark.alone,
]
log = logging.getLogger(__name__)
Pairs = tuple[tuple[Point, Point], ...]
LANES = 3
"""Deploys side by side: each mostly waits, for a lease to end and for health."""


@pytest.mark.parametrize("pairs", [points.API, points.QUEUE_AND_GIT], ids=["api", "queue-and-git"])
async def test_a_deploy_survives_a_kill_at_any_request(
    pairs: Pairs, control_plane: Coordinates, tmp_path: Path
) -> None:
    tell(await survived(pairs, control_plane, tmp_path))


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_a_deploy_survives_a_kill_at_every_other_request(control_plane: Coordinates, tmp_path: Path) -> None:
    tell(await survived(points.MORE, control_plane, tmp_path))


async def survived(pairs: Pairs, control_plane: Coordinates, folder: Path) -> list[Struck]:
    """Strike at every point: the pairs are dealt out to lanes, which know nothing of each other."""
    async with asyncio.TaskGroup() as group:
        lanes = [
            group.create_task(_lane(pairs[number::LANES], control_plane, folder / f"lane-{number}"))
            for number in range(LANES)
        ]
    struck = [each for lane in lanes for each in lane.result()]
    assert len(struck) == 2 * len(pairs)
    assert max(each.claimed_back_s or 0.0 for each in struck) < 20.0
    return struck


async def _lane(pairs: Pairs, control_plane: Coordinates, folder: Path) -> list[Struck]:
    struck: list[Struck] = []
    own = secrets.token_hex(3)
    async with Watched.up(control_plane.kubeconfig, f"faults-{own}", folder) as watched:
        lane = Lane(watched, await watched.start_worker())
        for number, (at_first, at_second) in enumerate(pairs):
            name = f"faults-{own}-{number}"
            struck += [await lane.first(name, at_first), await lane.second(name, at_second)]
    return struck


def tell(struck: list[Struck]) -> None:
    """The figures: `pytest -o log_cli=true -o log_cli_level=info` shows them."""
    for each in struck:
        back = "held nothing" if each.claimed_back_s is None else f"claimed back after {each.claimed_back_s:.1f} s"
        log.info("%s: %s, converged after %.1f s", each.point, back, each.converged_s)
