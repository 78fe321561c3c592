"""The simulation itself, small: it comes to an end, and everything that was pushed is applied."""

from deploy.simulate.__main__ import simulate
from jobs.core.costs import Fleet, idle_hour


async def test_a_small_fleet_is_simulated_to_its_end() -> None:
    fleet = Fleet(applications=40, objects=3, kinds=2, repositories=4, clusters=4, workers=2)
    lines = await simulate(fleet, pushes=3)
    assert [line.name.partition(":")[0] for line in lines] == [
        "one push, one application",
        "12 applications change by one push, until the last is applied",
        "API requests meanwhile",
        "one push to another repository meanwhile",
        "one push while a cluster with 10 changed applications is away",
        "idle",
        "idle",
    ]
    assert str(idle_hour(fleet)) in lines[-2].value
