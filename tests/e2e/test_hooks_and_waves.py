"""Hooks and waves in their plain form, Argo CD's and Helm's; the rules are those of Argo CD's sync waves."""

from typing import Any

import pytest

from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, deployment, docs, job

SYNCED = ("Synced", "Healthy", "Succeeded")
HOOK = "argocd.argoproj.io/hook"
POLICY = "argocd.argoproj.io/hook-delete-policy"
WAVE = "argocd.argoproj.io/sync-wave"
BROKEN = "registry.example.org/web:broken"


async def created_at(flow: Flow, *objects: tuple[str, str]) -> list[str]:
    """Names in the order in which the API server created them."""
    found = [(await flow.live(kind, name))["metadata"] for kind, name in objects]
    return [item["name"] for item in sorted(found, key=_age)]


def _age(metadata: dict[str, Any]) -> int:
    """ConfigMaps are never written again, so their resourceVersion tells their age exactly."""
    return int(metadata["resourceVersion"])


async def test_hooks_run_around_the_sync_in_their_phases(flow: Flow) -> None:
    phases = [config_map(name.lower(), annotations={HOOK: name}) for name in ("PostSync", "Sync", "PreSync")]
    flow.repo.push({"app/web.yaml": docs(config_map("plain"), *phases)})
    app = await flow.deploy()
    assert await flow.words() == SYNCED
    names = [("ConfigMap", name) for name in ("postsync", "presync", "plain")]
    assert await created_at(flow, *names) == ["presync", "plain", "postsync"]
    results = {item["name"]: item for item in app["status"]["operationState"]["syncResult"]["resources"]}
    for phase in ("PreSync", "Sync", "PostSync"):
        result = results[phase.lower()]
        assert (result["hookType"], result["hookPhase"], result["syncPhase"]) == (phase, "Succeeded", phase)
        assert "status" not in result


async def test_the_sync_waits_for_a_pre_sync_job(flow: Flow) -> None:
    migrate = job("migrate", annotations={HOOK: "PreSync"})
    flow.repo.push({"app/web.yaml": docs(config_map(), migrate)})
    await flow.create_application()
    await flow.settle(waits=False)
    assert await flow.get("ConfigMap", "web") is None
    assert (await flow.words())[2] == "Running"
    await flow.settle()
    assert await flow.get("ConfigMap", "web") is not None
    assert await flow.words() == SYNCED


async def test_a_failing_pre_sync_job_stops_the_sync_and_is_reported(flow: Flow) -> None:
    migrate = job("migrate", annotations={HOOK: "PreSync"}, exit_code=1)
    flow.repo.push({"app/web.yaml": docs(config_map(), migrate)})
    await flow.deploy()
    assert await flow.get("ConfigMap", "web") is None
    assert (await flow.words())[2] == "Failed"
    said = await flow.said()
    assert said.startswith("SyncError: ")
    assert f"batch/Job {flow.namespace}/migrate" in said


async def test_sync_fail_hooks_run_when_the_sync_failed_and_only_then(flow: Flow) -> None:
    rescue = config_map("rescue", annotations={HOOK: "SyncFail"})
    flow.repo.push({"app/web.yaml": docs(config_map(), rescue)})
    await flow.deploy()
    assert await flow.words() == SYNCED
    assert await flow.get("ConfigMap", "rescue") is None
    failing = job("migrate", annotations={HOOK: "PreSync"}, exit_code=1)
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), rescue, failing)})
    await flow.settle()
    assert (await flow.words())[2] == "Failed"
    assert await flow.get("ConfigMap", "rescue") is not None


async def test_a_hook_is_created_anew_by_the_next_sync(flow: Flow) -> None:
    """BeforeHookCreation is the default policy; a changed template of a Job could not be applied otherwise."""
    flow.repo.push({"app/web.yaml": docs(config_map(), job("migrate", annotations={HOOK: "PreSync"}, image="job:1"))})
    await flow.deploy()
    before = (await flow.live("Job", "migrate"))["metadata"]["uid"]
    again = docs(config_map(colour="red"), job("migrate", annotations={HOOK: "PreSync"}, image="job:2"))
    await flow.push({"app/web.yaml": again})
    await flow.settle()
    migrate = await flow.live("Job", "migrate")
    assert migrate["metadata"]["uid"] != before
    assert migrate["spec"]["template"]["spec"]["containers"][0]["image"] == "job:2"
    assert await flow.words() == SYNCED


async def test_a_hook_is_not_run_again_while_its_sync_waits(flow: Flow) -> None:
    hook = config_map("hook", annotations={HOOK: "PreSync"})
    flow.repo.push({"app/web.yaml": docs(deployment(image=BROKEN), hook)})
    await flow.create_application()
    await flow.settle(waits=False)
    before = await flow.version("ConfigMap", "hook")
    for _ in range(2):
        await flow.sweep(settle=False)
        await flow.settle(waits=False)
    assert await flow.version("ConfigMap", "hook") == before
    assert (await flow.words())[2] == "Running"


@pytest.mark.parametrize(("policy", "exit_code"), [("HookSucceeded", 0), ("HookFailed", 1)])
async def test_a_hook_goes_by_its_delete_policy(flow: Flow, policy: str, exit_code: int) -> None:
    migrate = job("migrate", annotations={HOOK: "PreSync", POLICY: policy}, exit_code=exit_code)
    flow.repo.push({"app/web.yaml": docs(config_map(), migrate)})
    await flow.deploy()
    await flow.gone("Job", "migrate")
    assert (await flow.words())[2] == ("Failed" if exit_code else "Succeeded")


@pytest.mark.parametrize(("policy", "exit_code"), [("HookSucceeded", 1), ("HookFailed", 0)])
async def test_a_hook_stays_where_its_delete_policy_means_the_other_end(
    flow: Flow, policy: str, exit_code: int
) -> None:
    migrate = job("migrate", annotations={HOOK: "PreSync", POLICY: policy}, exit_code=exit_code)
    flow.repo.push({"app/web.yaml": docs(config_map(), migrate)})
    await flow.deploy()
    assert (await flow.live("Job", "migrate"))["metadata"].get("deletionTimestamp") is None


async def test_helms_hooks_are_run_in_argo_cds_phases_and_test_hooks_never(flow: Flow) -> None:
    def hook(event: str, weight: str = "0") -> str:
        return config_map(event, annotations={"helm.sh/hook": event, "helm.sh/hook-weight": weight})

    events = ("pre-install", "post-upgrade", "test", "pre-rollback", "post-delete")
    files = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "chart/templates/web.yaml": config_map()}
    files |= {f"chart/templates/{event}.yaml": hook(event) for event in events}
    flow.repo.push(files)
    await flow.deploy(path="chart")
    assert await flow.words() == SYNCED
    order = [("ConfigMap", name) for name in ("web", "post-upgrade", "pre-install")]
    assert await created_at(flow, *order) == ["pre-install", "web", "post-upgrade"]
    for event in ("test", "pre-rollback", "post-delete"):
        assert await flow.get("ConfigMap", event) is None


async def test_a_skipped_object_is_never_applied(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("skipped", annotations={HOOK: "Skip"}))})
    await flow.deploy()
    assert await flow.get("ConfigMap", "skipped") is None
    assert await flow.words() == SYNCED


async def test_waves_are_applied_in_their_order(flow: Flow) -> None:
    waves = [config_map(f"wave-{wave}", annotations={WAVE: f"{wave - 1}"}) for wave in (2, 0, 1)]
    flow.repo.push({"app/web.yaml": docs(*waves)})
    await flow.deploy()
    names = [("ConfigMap", f"wave-{wave}") for wave in (2, 1, 0)]
    assert await created_at(flow, *names) == ["wave-0", "wave-1", "wave-2"]
    assert {entry["name"]: entry.get("syncWave", 0) for entry in (await flow.status())["resources"]} == {
        "wave-0": -1,
        "wave-1": 0,
        "wave-2": 1,
    }


async def test_a_wave_waits_until_the_one_before_is_healthy(flow: Flow) -> None:
    later = config_map("later", annotations={WAVE: "1"})
    flow.repo.push({"app/web.yaml": docs(deployment(image=BROKEN), later)})
    await flow.create_application()
    await flow.settle(waits=False)
    assert await flow.get("ConfigMap", "later") is None
    status = await flow.status()
    assert status["operationState"]["phase"] == "Running"
    assert f"waiting for the health of apps/Deployment {flow.namespace}/web" in status["operationState"]["message"]
    await flow.push({"app/web.yaml": docs(deployment(), later)})
    await flow.settle()
    assert await flow.get("ConfigMap", "later") is not None
    assert await flow.words() == SYNCED


async def test_a_newer_commit_supersedes_a_waiting_run(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment(image=BROKEN)})
    await flow.create_application()
    await flow.settle(waits=False)
    assert (await flow.words())[2] == "Running"
    revision = await flow.push({"app/web.yaml": deployment(image="registry.example.org/web:2")})
    await flow.settle()
    assert await flow.words() == SYNCED
    status = await flow.status()
    assert status["operationState"]["syncResult"]["revision"] == revision
    assert [entry["revision"] for entry in status["history"]] == [revision]


@pytest.mark.parametrize("heal", [True, False])
async def test_a_revert_while_a_run_waits_brings_the_old_version_back(flow: Flow, heal: bool) -> None:
    flow.repo.push({"app/web.yaml": deployment()})
    await flow.deploy(syncPolicy={"automated": {"prune": True, "selfHeal": heal}})
    await flow.push({"app/web.yaml": docs(deployment(image=BROKEN), config_map("new"))})
    await flow.settle(waits=False)
    assert (await flow.words())[2] == "Running"
    await flow.pushed(flow.repo.revert())
    await flow.settle()
    assert await flow.words() == SYNCED
    await flow.gone("ConfigMap", "new")
    container = (await flow.live("Deployment", "web"))["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.org/web:1"


async def test_a_commit_that_changes_nothing_rendered_does_not_interrupt_a_waiting_run(flow: Flow) -> None:
    hook = config_map("hook", annotations={HOOK: "PreSync"})
    flow.repo.push({"app/web.yaml": docs(deployment(image=BROKEN), hook)})
    await flow.create_application()
    await flow.settle(waits=False)
    before = await flow.version("ConfigMap", "hook")
    started = (await flow.status())["operationState"]["startedAt"]
    await flow.push({"README.md": "hello\n"})
    await flow.settle(waits=False)
    await flow.sweep(settle=False)
    await flow.settle(waits=False)
    assert await flow.version("ConfigMap", "hook") == before, "the hook was not run again"
    assert (await flow.status())["operationState"]["startedAt"] == started


async def test_a_sync_that_never_gets_healthy_ends_at_its_deadline(flow: Flow) -> None:
    flow.with_settings(wave_timeout_s=0.5)
    flow.repo.push({"app/web.yaml": deployment(image=BROKEN)})
    await flow.deploy(syncPolicy=by_hand())
    await flow.operation()
    assert (await flow.words())[2] == "Failed"
    said = await flow.said()
    assert "gave up after 0.5 s in phase Sync (PILOTHOUSE_WAVE_TIMEOUT_S for each of 1)" in said
    assert f"apps/Deployment {flow.namespace}/web" in said
