"""`python -m deploy.simulate`: ten thousand applications on a hundred clusters, on the real queue and the real core."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from deploy.bench import machine
from deploy.bench.figures import percentile
from deploy.demo.valkey import Valkey
from deploy.simulate.world import World, running
from jobs.core import costs

PUSHES = 50
PATIENCE_S = 600.0
DICE = random.Random(7)  # noqa: S311 - which application is pushed is no secret
console = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    name: str
    value: str


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 it came to an end, whatever the figures; 1 it did not."""
    parser = argparse.ArgumentParser(prog="python -m deploy.simulate", description=__doc__)
    parser.add_argument("--apps", type=int, default=10_000)
    parser.add_argument("--clusters", type=int, default=100)
    parser.add_argument("--repositories", type=int, default=200)
    parser.add_argument("--workers", type=int, default=10)
    asked = parser.parse_args(arguments)
    fleet = costs.Fleet(
        applications=asked.apps,
        objects=4,
        kinds=4,
        repositories=asked.repositories,
        clusters=asked.clusters,
        workers=asked.workers,
    )
    try:
        lines = asyncio.run(simulate(fleet))
    except TimeoutError:
        console.print(f"something was not applied within {PATIENCE_S:g} s", style="red")
        return 1
    table = Table(title=f"{fleet}\non {machine.described()}", title_justify="left", show_header=False)
    for line in lines:
        table.add_row(line.name, line.value)
    console.print(table)
    return 0


async def simulate(fleet: costs.Fleet, *, pushes: int = PUSHES) -> list[Line]:
    """Every scenario, one after the other. Raises TimeoutError when something is not applied."""
    with tempfile.TemporaryDirectory(prefix="pilothouse-simulate-") as folder:
        valkey = Valkey(Path(folder))
        await valkey.start()
        try:
            url = SecretStr(valkey.url)
            async with running(fleet, url) as world:
                lines = [await _alone(world, pushes), *await _all(world, pushes)]
            async with running(fleet, url, dead=1) as world:
                lines.append(await _beside_a_dead_cluster(world, pushes))
        finally:
            await valkey.stop()
    return [*lines, *_sums(fleet)]


async def _alone(world: World, pushes: int) -> Line:
    took = await _single(world, pushes, list(world.applications), "alone")
    return Line("one push, one application: p50, p99", _seconds(took))


async def _all(world: World, pushes: int) -> list[Line]:
    """A tenth of all change by one push to one repository; single pushes to others come meanwhile."""
    keys = max(world.by_repository.values(), key=len)
    others = [key for key in world.applications if key not in set(keys)]
    before, started = sum(each.requests for each in world.clusters), await world.push(keys, "all")
    took = await _single(world, pushes, others, "meanwhile")
    ended = await world.until_applied(keys, "all", within_s=PATIENCE_S)
    requests = sum(each.requests for each in world.clusters) - before
    return [
        Line(f"{len(keys)} applications change by one push, until the last is applied", f"{ended - started:.1f} s"),
        Line("API requests meanwhile", f"{requests}"),
        Line("one push to another repository meanwhile: p50, p99", _seconds(took)),
    ]


async def _beside_a_dead_cluster(world: World, pushes: int) -> Line:
    """All of one cluster's applications change, and the cluster is away; others must not notice."""
    dead = world.clusters[0].name
    at_it = [key for key, each in world.applications.items() if each.destination.server == dead]
    others = [key for key in world.applications if key not in set(at_it)]
    await world.push(at_it, "never")
    took = await _single(world, pushes, others, "beside")
    return Line(f"one push while a cluster with {len(at_it)} changed applications is away: p50, p99", _seconds(took))


async def _single(world: World, pushes: int, keys: list[str], tag: str) -> list[float]:
    """Seconds from the mark to the apply, one push after the other."""
    took = []
    for number, key in enumerate(DICE.sample(keys, min(pushes, len(keys)))):
        started = await world.push([key], f"{tag}-{number}")
        took.append(await world.until_applied([key], f"{tag}-{number}", within_s=PATIENCE_S) - started)
    return took


def _sums(fleet: costs.Fleet) -> list[Line]:
    idle, git = costs.idle_hour(fleet), costs.idle_hour_of_git(fleet)
    return [
        Line(
            "idle: API requests an hour, by the sum", f"{idle}, {idle / fleet.clusters / 60:.1f} a minute per cluster"
        ),
        Line("idle: Git requests an hour, by the sum", f"{git}"),
    ]


def _seconds(took: list[float]) -> str:
    return f"{percentile(took, 0.5):.3f} s, {percentile(took, 0.99):.3f} s"


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    console.print(f"{time.monotonic() - started:.0f} s in all", style="dim")
    sys.exit(code)
