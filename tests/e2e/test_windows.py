"""Sync windows: what nobody asked for waits for its window, what somebody asked for is refused, what runs ends."""

from typing import Any

from jobs.core.moment import Moment
from tests.builders import NOON
from tests.e2e.harness import Flow, automated, by_hand
from tests.e2e.objects import config_map, deployment

DENIED, OPENS = "the deny window '0 11 * * *' (2h, UTC) keeps syncs back", "they may begin at 2026-11-01T13:00:00Z"
HOUR_S = 3600
TEN, TWO = Moment(NOON.seconds - 2 * HOUR_S), Moment(NOON.seconds + 2 * HOUR_S)
"""Before the window of `lunch`, and after it."""


def lunch(**over: Any) -> dict[str, Any]:
    """Nothing is synced from eleven to one, in UTC."""
    return {"kind": "deny", "schedule": "0 11 * * *", "duration": "2h", "applications": ["*"]} | over


async def the_window_opens(flow: Flow, *, waits: bool = True) -> None:
    """The application asked to come back at that moment, and does."""
    last = dict(flow.log)[f"application:{flow.ground.home}/{flow.name('app')}"]
    assert last is not None
    assert (last.why, last.in_s) == ("window", HOUR_S)
    flow.at(TWO)
    await look(flow, waits=waits)


async def look(flow: Flow, *, waits: bool = False) -> None:
    """A sweep; a run that waits for health is left waiting."""
    await flow.sweep(settle=False)
    await flow.settle(waits=waits)


async def test_an_automated_sync_waits_for_its_window(flow: Flow) -> None:
    flow.at(NOON)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=await flow.project(syncWindows=[lunch()]))
    assert await flow.words() == ("OutOfSync", "Missing", "-")
    assert await flow.said() == f"SyncWarning: held back: AppProject team-{flow.token}: {DENIED}; {OPENS}"
    assert await flow.get("ConfigMap", "web") is None

    await the_window_opens(flow)
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert await flow.said() == ""
    assert await flow.get("ConfigMap", "web") is not None


async def test_outside_what_is_allowed_nothing_begins(flow: Flow) -> None:
    flow.at(NOON)
    flow.repo.push({"app/web.yaml": config_map()})
    night = {"kind": "allow", "schedule": "0 22 * * *", "duration": "1h", "timeZone": "Asia/Tokyo"}
    await flow.deploy(project=await flow.project(syncWindows=[night | {"namespaces": ["e2e-*"]}]))
    said = "outside the allow window '0 22 * * *' (1h, Asia/Tokyo); they may begin at 2026-11-01T13:00:00Z"
    assert said in await flow.said()
    assert await flow.get("ConfigMap", "web") is None


async def test_drift_is_shown_and_put_back_once_the_window_is_over(flow: Flow) -> None:
    flow.at(TEN)
    flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.deploy(project=await flow.project(syncWindows=[lunch()]))
    await flow.patch("ConfigMap", "web", {"data": {"colour": "red"}})
    flow.at(NOON)
    await flow.sweep()
    assert (await flow.words())[0] == "OutOfSync"
    assert "held back: " in await flow.said()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}

    await the_window_opens(flow)
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}


async def test_what_needs_no_write_is_not_held_back(flow: Flow) -> None:
    flow.at(TEN)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=await flow.project(syncWindows=[lunch()]))
    flow.at(NOON)
    await flow.sweep()
    revision = await flow.push({"app/web.yaml": f"# as before\n{config_map()}"})
    await flow.settle()
    assert (await flow.words())[0] == "Synced"
    assert await flow.said() == ""
    assert (await flow.status())["sync"]["revision"] == revision


async def test_a_sync_by_hand_is_refused_with_the_way_out(flow: Flow) -> None:
    flow.at(NOON)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=await flow.project(syncWindows=[lunch()]), syncPolicy=by_hand())
    await flow.operation(prune=True)
    assert await flow.words() == ("OutOfSync", "Missing", "Failed")
    said = (await flow.status())["operationState"]["message"]
    way_out = "A window with manualSync lets syncs by hand pass"
    assert said == f"not begun: AppProject team-{flow.token}: {DENIED}; {OPENS}. {way_out}"
    assert f"SyncError: {said}" in await flow.said()
    assert await flow.get("ConfigMap", "web") is None


async def test_a_refused_sync_by_hand_is_no_failure_of_the_revision(flow: Flow) -> None:
    flow.at(NOON)
    flow.repo.push({"app/web.yaml": config_map()})
    policy = automated() | {"retry": {"limit": 0}}
    await flow.deploy(project=await flow.project(syncWindows=[lunch()]), syncPolicy=policy)
    await flow.operation()
    assert (await flow.words())[2] == "Failed"
    await the_window_opens(flow)
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_a_sync_by_hand_passes_where_manual_sync_says_so(flow: Flow) -> None:
    flow.at(NOON)
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(project=await flow.project(syncWindows=[lunch(manualSync=True)]))
    assert await flow.get("ConfigMap", "web") is None
    await flow.operation()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


BROKEN = "registry.example.org/web:broken"


async def half_way(flow: Flow, **window: Any) -> None:
    """A sync that began at ten and still waits for its Deployment when lunch begins."""
    flow.at(TEN)
    files = {"app/web.yaml": config_map(colour="blue"), "app/slow.yaml": deployment("slow")}
    flow.repo.push(files)
    policy = automated(heal=False)
    await flow.deploy(project=await flow.project(syncWindows=[lunch(**window)]), syncPolicy=policy)
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    stuck = {"app/web.yaml": config_map(colour="red"), "app/slow.yaml": deployment("slow", BROKEN)}
    await flow.push(stuck)
    await flow.settle(waits=False)
    assert (await flow.words())[2] == "Running"
    flow.at(NOON)
    flow.with_settings(wave_timeout_s=100_000.0)


async def test_a_running_sync_ends_with_a_clear_result(flow: Flow) -> None:
    await half_way(flow)
    await look(flow)
    state = (await flow.status())["operationState"]
    assert state["phase"] == "Failed"
    assert state["message"].startswith(f"ended by a sync window, 2 objects were applied: AppProject team-{flow.token}")
    assert state["message"].endswith("A window with syncOverrun lets it go on")
    await the_window_opens(flow, waits=False)
    assert (await flow.status())["operationState"]["startedAt"] == str(TWO), "it is taken up again"


async def test_a_running_sync_goes_on_with_sync_overrun(flow: Flow) -> None:
    await half_way(flow, syncOverrun=True)
    await look(flow)
    state = (await flow.status())["operationState"]
    assert (state["phase"], state["startedAt"]) == ("Running", str(TEN))
    assert await flow.said() == ""


async def test_a_newer_commit_does_not_slip_in_behind_a_running_sync(flow: Flow) -> None:
    await half_way(flow, syncOverrun=True)
    await flow.push({"app/web.yaml": config_map(colour="green")})
    await flow.settle(waits=False)
    state = (await flow.status())["operationState"]
    assert (state["phase"], state["message"]) == ("Failed", "superseded by a newer revision")
    assert DENIED in await flow.said()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}


async def test_git_may_go_back_behind_what_a_window_stopped(flow: Flow) -> None:
    await half_way(flow)
    await look(flow)
    await flow.push({"app/web.yaml": config_map(colour="blue"), "app/slow.yaml": deployment("slow")})
    await flow.settle()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    await the_window_opens(flow)
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
