"""How hooks end when not by themselves: a newer commit, a deadline, a failure, somebody's hand. And their names."""

import re

from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, deployment, docs, job

SYNCED = ("Synced", "Healthy", "Succeeded")
HOOK = "argocd.argoproj.io/hook"
POLICY = "argocd.argoproj.io/hook-delete-policy"
HOOK_RUN = "pilothouse.dev/hook-run"
PHASE = "pilothouse.dev/phase"
PHASE_TIMEOUT = "pilothouse.dev/phase-timeout"
NEVER = "registry.example.org/job:broken"
"""The image of a Job that never ends."""


def hanging(name: str = "hangs", phase: str = "PreSync", **annotations: str) -> str:
    return job(name, annotations={HOOK: phase} | annotations, image=NEVER)


async def hook_phases(flow: Flow) -> dict[str, str]:
    """Name of each hook in the last operation -> how it is."""
    result = (await flow.status())["operationState"]["syncResult"]
    return {item["name"]: item["hookPhase"] for item in result.get("resources", []) if item.get("hookType")}


async def test_a_newer_commit_terminates_the_hooks_of_the_sync_it_supersedes(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hanging())})
    await flow.create_application()
    await flow.settle(waits=False)
    former = await flow.live("Job", "hangs")
    assert (await flow.words())[2] == "Running"
    revision = await flow.push({"app/web.yaml": docs(config_map(colour="red"), job("new", annotations={HOOK: "Sync"}))})
    await flow.settle()
    assert await flow.words() == SYNCED
    await flow.gone("Job", "hangs")
    new = await flow.live("Job", "new")
    assert int(new["metadata"]["resourceVersion"]) > int(former["metadata"]["resourceVersion"])
    assert (await flow.status())["sync"]["revision"] == revision


async def test_a_new_hook_waits_until_the_pods_of_the_former_are_gone(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hanging())})
    await flow.create_application()
    await flow.settle(waits=False)
    held = {"metadata": {"finalizers": ["test.pilothouse.dev/held"]}}
    await flow.patch("Job", "hangs", held, manager="some-controller")
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), job("new", annotations={HOOK: "PreSync"}))})
    await flow.settle(waits=False)
    assert (await flow.live("Job", "hangs"))["metadata"]["deletionTimestamp"]
    assert await flow.get("Job", "new") is None
    said = (await flow.status())["operationState"]["message"]
    assert said == f"waiting until hooks of an earlier sync are gone: batch/Job {flow.namespace}/hangs"
    await flow.patch("Job", "hangs", {"metadata": {"finalizers": None}}, manager="some-controller")
    await flow.settle()
    assert await flow.words() == SYNCED


async def test_a_revert_to_what_is_deployed_terminates_the_hooks_too(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.push({"app/web.yaml": docs(config_map(), hanging())})
    await flow.operation(settle=False)
    await flow.settle(waits=False)
    assert await flow.get("Job", "hangs") is not None
    await flow.pushed(flow.repo.revert())
    await flow.settle()
    await flow.gone("Job", "hangs")
    assert await flow.words() == SYNCED


async def test_a_hook_that_somebody_deletes_while_it_runs_fails_the_sync_at_once(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hanging())})
    await flow.create_application(syncPolicy=by_hand())
    await flow.settle()
    await flow.operation(settle=False)
    await flow.settle(waits=False)
    await flow.delete("Job", "hangs")
    await flow.gone("Job", "hangs")
    await flow.settle()
    assert (await flow.words())[2] == "Failed"
    said = await flow.said()
    assert f"batch/Job {flow.namespace}/hangs: was deleted before its end was seen, by somebody else" in said
    assert await flow.get("Job", "hangs") is None
    assert await flow.get("ConfigMap", "web") is None


async def test_a_hook_that_hangs_is_terminated_at_its_phases_deadline_and_sync_fail_hooks_run(flow: Flow) -> None:
    rescue = job("rescue", annotations={HOOK: "SyncFail"})
    flow.repo.push({"app/web.yaml": docs(config_map(), hanging(), rescue)})
    timeout = {PHASE_TIMEOUT: "1h, PreSync=500ms"}
    await flow.deploy(annotations=timeout, syncPolicy=by_hand())
    await flow.operation()
    assert (await flow.words())[2] == "Failed"
    said = await flow.said()
    assert f"gave up after 0.5 s in phase PreSync (the annotation {PHASE_TIMEOUT}) waiting for the health of" in said
    await flow.gone("Job", "hangs")
    assert await hook_phases(flow) == {"hangs": "Failed", "rescue": "Succeeded"}
    assert await flow.get("ConfigMap", "web") is None
    assert PHASE not in (await flow.app())["metadata"]["annotations"]


async def test_a_sync_fail_hook_is_waited_for_and_its_policy_holds(flow: Flow) -> None:
    migrate = job("migrate", annotations={HOOK: "PreSync", POLICY: "HookFailed"}, exit_code=1)
    rescue = job("rescue", annotations={HOOK: "SyncFail", POLICY: "HookSucceeded"})
    flow.repo.push({"app/web.yaml": docs(config_map(), migrate, rescue)})
    await flow.create_application(syncPolicy=by_hand())
    await flow.settle()
    await flow.operation()
    assert (await flow.words())[2] == "Failed"
    assert await hook_phases(flow) == {"migrate": "Failed", "rescue": "Succeeded"}
    assert f"SyncError: batch/Job {flow.namespace}/migrate: " in await flow.said()
    await flow.gone("Job", "migrate")
    await flow.gone("Job", "rescue")


async def test_a_sync_fail_hook_runs_when_the_cluster_refuses_an_object_on_the_way(flow: Flow) -> None:
    """A dry run knows nothing of an object that comes with the same sync and clashes with another."""
    rescue = config_map("rescue", annotations={HOOK: "SyncFail"})
    broken = deployment(image="registry.example.org/web:broken")
    flow.repo.push({"app/web.yaml": docs(broken, rescue)})
    await flow.deploy(annotations={PHASE_TIMEOUT: "400ms"}, syncPolicy=by_hand())
    assert await flow.get("ConfigMap", "rescue") is None, "a look runs nothing"
    await flow.operation()
    assert (await flow.words())[2] == "Failed"
    rescue_ran = await flow.live("ConfigMap", "rescue")
    assert rescue_ran["metadata"]["annotations"][HOOK_RUN].endswith(".SyncFail")


async def test_a_hook_with_a_generated_name_runs_once_in_each_sync(flow: Flow) -> None:
    def migrate(image: str) -> str:
        return job("x", annotations={HOOK: "PreSync"}, image=image).replace(
            "  name: x\n", "  generateName: migrate-\n", 1
        )

    revision = flow.repo.push({"app/web.yaml": docs(config_map(), migrate("job:1"))})
    await flow.deploy()
    assert await flow.words() == SYNCED
    (first,) = await hook_phases(flow)
    assert re.fullmatch(rf"migrate-{revision[:7]}-presync-[0-9]+", first)
    await flow.sweep()
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), migrate("job:2"))})
    await flow.settle()
    (second,) = await hook_phases(flow)
    assert second != first
    assert await flow.get("Job", first) is not None, "the name differs, so nothing is in its way"


async def test_a_generated_name_stays_while_a_commit_that_renders_the_same_comes_by(flow: Flow) -> None:
    generated = hanging("x").replace("  name: x\n", "  generateName: hangs-\n", 1)
    revision = flow.repo.push({"app/web.yaml": docs(config_map(), generated)})
    await flow.create_application()
    await flow.settle(waits=False)
    await flow.push({"README.md": "hello\n"})
    await flow.settle(waits=False)
    await flow.sweep(settle=False)
    await flow.settle(waits=False)
    (name,) = await hook_phases(flow)
    assert name.startswith(f"hangs-{revision[:7]}-presync-")


async def test_one_hook_in_two_phases_runs_in_both(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), job("both", annotations={HOOK: "PreSync,PostSync"}))})
    await flow.deploy()
    assert await flow.words() == SYNCED
    assert (await flow.live("Job", "both"))["metadata"]["annotations"][HOOK_RUN].endswith(".PostSync")
    result = (await flow.status())["operationState"]["syncResult"]["resources"]
    assert [(item["name"], item["syncPhase"], item["hookPhase"]) for item in result if item.get("hookType")] == [
        ("both", "PreSync", "Succeeded"),
        ("both", "PostSync", "Succeeded"),
    ]


async def test_a_phase_timeout_that_makes_no_sense_is_an_invalid_spec(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(annotations={PHASE_TIMEOUT: "Presync=5m"})
    assert f"InvalidSpecError: annotation {PHASE_TIMEOUT} names the phase 'Presync'" in await flow.said()
    assert await flow.get("ConfigMap", "web") is None
