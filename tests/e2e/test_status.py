"""What Pilothouse writes about an Application, and that nobody else's writes confuse it (design.md, part 5)."""

import re
from typing import Any

from jobs import metrics
from tests.e2e.harness import Flow, automated
from tests.e2e.objects import config_map, deployment, docs
from tests.valkey import until

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
RUN = "pilothouse.dev/run"
REFRESH = "argocd.argoproj.io/refresh"


async def test_the_status_has_argo_cds_shape(flow: Flow) -> None:
    revision = flow.repo.push({"app/web.yaml": docs(deployment(), config_map())})
    app = await flow.deploy()
    status = app["status"]
    assert status["sync"] == {
        "status": "Synced",
        "revision": revision,
        "comparedTo": {"source": app["spec"]["source"], "destination": app["spec"]["destination"]},
    }
    assert status["health"]["status"] == "Healthy"
    assert TIME.fullmatch(status["health"]["lastTransitionTime"])
    assert TIME.fullmatch(status["reconciledAt"])
    assert status["sourceType"] == "Directory"
    assert status["summary"] == {"images": ["registry.example.org/web:1"]}
    state = status["operationState"]
    assert state["operation"] == {"initiatedBy": {"automated": True}, "sync": {"revision": revision}}
    assert (state["phase"], state["message"]) == ("Succeeded", f"synced to {revision}")
    assert TIME.fullmatch(state["startedAt"])
    assert TIME.fullmatch(state["finishedAt"])
    assert state["syncResult"]["revision"] == revision
    results = {entry["kind"]: entry for entry in state["syncResult"]["resources"]}
    assert results["Deployment"] == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
        "namespace": flow.namespace,
        "name": "web",
        "status": "Synced",
        "message": "created",
        "syncPhase": "Sync",
        "hookPhase": "Succeeded",
    }
    resources = {entry["kind"]: entry for entry in status["resources"]}
    assert resources["ConfigMap"] == {
        "version": "v1",
        "kind": "ConfigMap",
        "namespace": flow.namespace,
        "name": "web",
        "status": "Synced",
    }
    assert resources["Deployment"]["health"]["status"] == "Healthy"
    assert "conditions" not in status


async def test_kubectl_get_shows_sync_health_and_revision(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    revision = (await flow.deploy())["status"]["sync"]["revision"]
    crd = await flow.live("CustomResourceDefinition", "applications.argoproj.io")
    columns = crd["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = {column["name"]: _at(await flow.app(), column["jsonPath"]) for column in columns}
    assert {"Synced", "Healthy", revision} <= {str(value) for value in shown.values()}


def _at(body: Any, path: str) -> Any:
    for part in path.strip(".").split("."):
        body = (body or {}).get(part)
    return body


async def test_history_counts_up_and_keeps_its_limit(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(number="0")})
    await flow.deploy(revisionHistoryLimit=2)
    revisions = []
    for number in "123":
        revisions.append(await flow.push({"app/web.yaml": config_map(number=number)}))
        await flow.settle()
    history = (await flow.status())["history"]
    assert [(entry["id"], entry["revision"]) for entry in history] == [(2, revisions[1]), (3, revisions[2])]
    for entry in history:
        assert entry["initiatedBy"] == {"automated": True}
        assert entry["source"]["path"] == "app"
        assert TIME.fullmatch(entry["deployedAt"])
        assert TIME.fullmatch(entry["deployStartedAt"])


async def test_heals_add_no_entry_to_the_history(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.deploy()
    for colour in ("red", "green"):
        await flow.patch("ConfigMap", "web", {"data": {"colour": colour}})
        await flow.sweep()
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}
    assert len((await flow.status())["history"]) == 1


async def test_a_failed_sync_adds_no_entry_to_the_history(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.push({"app/web.yaml": deployment(replica=1)})
    await flow.settle()
    assert (await flow.words())[2] == "Failed"
    assert len((await flow.status())["history"]) == 1


async def test_a_condition_that_stays_keeps_its_time_and_goes_when_its_cause_does(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment(replica=1)})
    await flow.deploy()
    first = (await flow.status())["conditions"]
    assert [entry["type"] for entry in first] == ["SyncError"]
    assert TIME.fullmatch(first[0]["lastTransitionTime"])
    await flow.sweep()
    assert (await flow.status())["conditions"] == first
    await flow.push({"app/web.yaml": deployment()})
    await flow.settle()
    assert await flow.said() == ""


async def test_a_look_that_finds_nothing_new_writes_nothing(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    before = await flow.version("Application", flow.name("app"))
    await flow.sweep()
    await flow.sweep()
    assert await flow.version("Application", flow.name("app")) == before


async def test_an_application_that_a_push_does_not_concern_gets_the_new_revision(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    deployed = len(flow.log)
    revision = await flow.push({"README.md": "hello\n"})
    await flow.settle()

    async def has_revision() -> bool:
        return bool((await flow.status())["sync"]["revision"] == revision)

    await until(has_revision)
    assert [member.partition(":")[0] for member, _ in flow.log[deployed:]] == ["repository"]
    assert (await flow.words())[0] == "Synced"
    assert len((await flow.status())["history"]) == 1
    await flow.settle()


async def test_our_own_writes_never_wake_us(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    worked = len(flow.log)
    await flow.settle()
    assert len(flow.log) == worked
    assert (await flow.ground.queue.state()).next_due_in_s is None


async def test_events_tell_of_start_success_and_failure(flow: Flow) -> None:
    revision = flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    found = await flow.events()
    assert found == {
        "OperationStarted": [f"Initiated automated sync to '{revision}'"],
        "OperationCompleted": [f"Sync operation to {revision} succeeded"],
    }
    broken = await flow.push({"app/web.yaml": deployment(replica=1)})
    await flow.settle()
    said = (await flow.events())["OperationCompleted"]
    assert any(text.startswith(f"Sync operation to {broken} failed: nothing was changed") for text in said)


async def test_a_status_that_somebody_spoilt_is_rebuilt(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy()
    await flow.patch("Application", flow.name("app"), [{"op": "remove", "path": "/status"}])
    await flow.sweep()
    assert (await flow.words())[:2] == ("Synced", "Healthy")


async def test_a_run_that_somebody_else_overtook_writes_no_status_and_is_done_again(flow: Flow) -> None:
    """The run annotation is the fence: who finds another value there ends, and the application is looked at anew."""
    flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.deploy()
    applications = flow.parts.applications
    plain = applications.record
    overtaken: list[bool] = []

    async def overtake_once(*args: Any, **kwargs: Any) -> Any:
        if not overtaken:
            overtaken.append(True)
            await flow.patch("Application", flow.name("app"), {"metadata": {"annotations": {RUN: "other.claim.key"}}})
        return await plain(*args, **kwargs)

    applications.record = overtake_once  # type: ignore[method-assign]
    try:
        revision = await flow.push({"app/web.yaml": config_map(colour="red")})
        await flow.settle()
    finally:
        applications.record = plain  # type: ignore[method-assign]
    assert any(again and again.why == "retry" for _, again in flow.log)
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}
    assert (await flow.status())["sync"]["revision"] == revision
    assert (await flow.words())[0] == "Synced"


async def test_a_refresh_is_acted_on_and_its_annotation_removed(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.deploy()
    flow.repo.push({"app/web.yaml": config_map(colour="red")})
    looked = len(flow.log)
    app = await flow.change(metadata={"annotations": {REFRESH: "normal"}})
    assert REFRESH not in app["metadata"]["annotations"]
    assert [member.partition(":")[0] for member, _ in flow.log[looked:]] == ["application"], "its removal wakes nobody"
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "red"}


async def test_an_application_with_skip_reconcile_is_left_alone(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    app = await flow.deploy(annotations={"argocd.argoproj.io/skip-reconcile": "true"})
    assert "status" not in app
    assert await flow.get("ConfigMap", "web") is None
    await flow.change(metadata={"annotations": {"argocd.argoproj.io/skip-reconcile": None}})
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_a_changed_policy_plans_again_without_a_render(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy(syncPolicy=automated(prune=False))
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    renders = metrics.RENDERS._value.get()
    await flow.change(spec={"syncPolicy": automated()})
    await flow.gone("ConfigMap", "old")
    assert metrics.RENDERS._value.get() == renders
