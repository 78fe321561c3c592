"""PreDelete and PostDelete hooks, and the finalizers that make room for them; a broken repository blocks nobody."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from jobs.core.errors import FetchError
from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, docs, job
from tests.e2e.test_deletion import FINALIZER, delete, marks

HOOK = "argocd.argoproj.io/hook"
POLICY = "argocd.argoproj.io/hook-delete-policy"
WAVE = "argocd.argoproj.io/sync-wave"
PHASE_TIMEOUT = "pilothouse.dev/phase-timeout"
PRE, POST = "pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"
NEVER = "registry.example.org/job:broken"


def hook(phase: str, name: str = "", **fields: Any) -> str:
    return job(name or phase.lower(), annotations={HOOK: phase} | fields.pop("annotations", {}), **fields)


async def finalizers(flow: Flow) -> list[str]:
    found: list[str] = (await flow.app())["metadata"].get("finalizers", [])
    return found


async def resource_versions(flow: Flow, *names: str) -> list[int]:
    return [int((await flow.live("ConfigMap", name))["metadata"]["resourceVersion"]) for name in names]


async def test_finalizers_come_and_go_with_the_hooks_that_ask_for_them(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PreDelete"), hook("PostDelete"))})
    await flow.deploy(finalizers=("test.pilothouse.dev/other", FINALIZER))
    others = ["test.pilothouse.dev/other", FINALIZER]
    assert await finalizers(flow) == [*others, PRE, f"{PRE}/cleanup", POST, f"{POST}/cleanup"]
    for name in ("predelete", "postdelete"):
        assert await flow.get("Job", name) is None, "a sync runs none of them"
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), hook("PostDelete"))})
    await flow.settle()
    assert await finalizers(flow) == [*others, POST, f"{POST}/cleanup"]
    await flow.push({"app/web.yaml": config_map(colour="red")})
    await flow.settle()
    assert await finalizers(flow) == others
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_a_look_alone_brings_the_finalizers(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PreDelete"))})
    await flow.deploy(syncPolicy=by_hand())
    assert await finalizers(flow) == [PRE, f"{PRE}/cleanup"]


async def test_pre_delete_hooks_run_first_then_the_objects_go_then_post_delete_hooks_run(flow: Flow) -> None:
    cleanup = config_map("cleanup", annotations={HOOK: "PostDelete", WAVE: "1"})
    before = hook("PreDelete", annotations={"helm.sh/hook": "test"})
    flow.repo.push({"app/web.yaml": docs(config_map(), before, hook("PostDelete"), cleanup)})
    await flow.deploy(finalizers=(FINALIZER,))
    await flow.delete("Application", flow.name("app"))
    await flow.until_marked(flow.name("app"))
    await flow.settle(waits=False)
    assert await flow.get("ConfigMap", "web") is not None, "it waits for the PreDelete hook"
    assert await flow.get("Job", "postdelete") is None
    message = (await flow.status())["operationState"]["message"]
    assert message == f"waiting for the health of batch/Job {flow.namespace}/predelete"
    await flow.settle()
    await flow.gone("Application", flow.name("app"))
    for kind, name in (("ConfigMap", "web"), ("Job", "predelete")):
        assert await flow.get(kind, name) is None
    assert (await flow.live("Job", "postdelete"))["status"]["succeeded"] == 1
    for kind, name in (("Job", "postdelete"), ("ConfigMap", "cleanup")):
        assert await marks(flow, kind, name) == {"pilothouse.dev/hook-run"}, "nobody owns it any more"


@pytest.mark.parametrize("cascade", [True, False])
async def test_deletion_hooks_go_by_their_policy(flow: Flow, cascade: bool) -> None:
    policy = {POLICY: "HookSucceeded"}
    hooks = [hook(phase, annotations=policy) for phase in ("PreDelete", "PostDelete")]
    flow.repo.push({"app/web.yaml": docs(config_map(), *hooks)})
    await flow.deploy(finalizers=(FINALIZER,) if cascade else ())
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    await flow.gone("Job", "predelete")
    await flow.gone("Job", "postdelete")
    assert (await flow.get("ConfigMap", "web") is None) is cascade


async def test_a_hook_that_fails_holds_the_application_and_says_how_to_go_on(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PreDelete", exit_code=1))})
    await flow.deploy(finalizers=(FINALIZER,))
    await delete(flow)
    said = await flow.said()
    assert f"DeletionError: batch/Job {flow.namespace}/predelete: " in said
    assert f"take its finalizer {PRE} away" in said
    assert await flow.get("ConfigMap", "web") is not None
    first = (await flow.live("Job", "predelete"))["metadata"]["uid"]
    await flow.sweep()
    assert (await flow.live("Job", "predelete"))["metadata"]["uid"] != first, "a new try, as its delete policy says"
    left = [name for name in await finalizers(flow) if name != PRE]
    await flow.patch("Application", flow.name("app"), {"metadata": {"finalizers": left}})
    await flow.until_marked(flow.name("app"))
    await flow.settle()
    await flow.gone("Application", flow.name("app"))
    await flow.gone("ConfigMap", "web")


async def test_what_ended_well_is_not_run_again_when_another_hook_failed(flow: Flow) -> None:
    good, bad = hook("PreDelete", "good"), hook("PreDelete", "bad", exit_code=1, annotations={WAVE: "1"})
    flow.repo.push({"app/web.yaml": docs(config_map(), good, bad)})
    await flow.deploy(finalizers=(FINALIZER,))
    await delete(flow)
    before = (await flow.live("Job", "good"))["metadata"]["uid"]
    failed = (await flow.live("Job", "bad"))["metadata"]["uid"]
    await flow.sweep()
    assert (await flow.live("Job", "bad"))["metadata"]["uid"] != failed
    assert (await flow.live("Job", "good"))["metadata"]["uid"] == before


async def test_a_hook_that_hangs_is_terminated_at_its_deadline(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PreDelete", image=NEVER))})
    await flow.deploy(finalizers=(FINALIZER,), annotations={PHASE_TIMEOUT: "1h, PreDelete=300ms"})
    await delete(flow)
    assert "DeletionError: gave up after 0.3 s in phase PreDelete" in await flow.said()
    await flow.gone("Job", "predelete")
    assert await flow.get("ConfigMap", "web") is not None


async def test_a_job_that_its_time_to_live_takes_at_once_runs_once(flow: Flow) -> None:
    short = hook("PreDelete").replace("  backoffLimit: 0\n", "  backoffLimit: 0\n  ttlSecondsAfterFinished: 0\n")
    flow.repo.push({"app/web.yaml": docs(config_map(), short)})
    await flow.deploy(finalizers=(FINALIZER,))
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    assert await flow.get("Job", "predelete") is None


async def test_hooks_are_those_that_were_deployed_even_if_their_folder_is_gone_from_git(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PostDelete"))})
    await flow.deploy(finalizers=(FINALIZER,))
    await flow.push({"app/web.yaml": None, "README.md": "moved\n"})
    await flow.settle()
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    assert (await flow.live("Job", "postdelete"))["status"]["succeeded"] == 1


async def test_a_running_hook_of_a_sync_is_terminated_before_pre_delete_hooks_run(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PreDelete"))})
    await flow.deploy(finalizers=(FINALIZER,))
    await flow.push({"app/web.yaml": docs(config_map(colour="red"), hook("PreDelete"), hook("PreSync", image=NEVER))})
    await flow.settle(waits=False)
    assert await flow.get("Job", "presync") is not None
    await delete(flow)
    await flow.gone("Application", flow.name("app"))
    for name in ("presync", "predelete"):
        assert await flow.get("Job", name) is None


class Away:
    """A Git host that gives nothing."""

    async def at(self, url: str, *, project: str) -> Any:
        raise FetchError(f"{url}: the host does not answer")


async def test_a_repository_that_is_gone_holds_the_application_for_a_while_only(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), hook("PreDelete"), hook("PostDelete"))})
    await flow.deploy(finalizers=(FINALIZER,), annotations={PHASE_TIMEOUT: "300ms"})
    flow.parts = replace(flow.parts, mirrors=Away())  # type: ignore[arg-type]
    await delete(flow)
    said = await flow.said()
    assert "DeletionError: PreDelete hooks can't be had: " in said
    assert "the host does not answer" in said
    assert f"goes without them 0.3 s (the annotation {PHASE_TIMEOUT}) after the first try" in said
    assert f"take its finalizer {PRE} away" in said
    assert await flow.get("ConfigMap", "web") is not None
    for _ in range(2):
        await asyncio.sleep(0.3)
        await flow.sweep()
    await flow.gone("Application", flow.name("app"))
    await flow.gone("ConfigMap", "web")
    skipped = (await flow.events())["DeletionHooksSkipped"]
    assert sorted(said.partition(" hooks")[0] for said in skipped) == [
        "the Application goes without its PostDelete",
        "the Application goes without its PreDelete",
    ]


async def test_hooks_that_the_cluster_refuses_hold_it_for_a_while_only(flow: Flow) -> None:
    wrong = hook("PreDelete").replace("backoffLimit: 0", "backoffLimit: none-of-it")
    flow.repo.push({"app/web.yaml": docs(config_map(), wrong)})
    await flow.deploy(finalizers=(FINALIZER,), annotations={PHASE_TIMEOUT: "300ms"})
    await delete(flow)
    assert "DeletionError: PreDelete hooks can't be had: nothing was changed, 1 refused: " in await flow.said()
    await asyncio.sleep(0.3)
    await flow.sweep()
    await flow.gone("Application", flow.name("app"))
