"""A sync that a person asked for by `.operation` (https://argo-cd.readthedocs.io/en/stable/user-guide/sync-kubectl/)."""

from tests.e2e.harness import Flow, by_hand
from tests.e2e.objects import config_map, deployment, docs


async def test_an_operation_is_taken_carried_out_and_reported_with_who_asked(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(syncPolicy=by_hand())
    assert await flow.get("ConfigMap", "web") is None
    app = await flow.operation(prune=True)
    assert "operation" not in app
    state = app["status"]["operationState"]
    assert state["operation"] == {"initiatedBy": {"username": "ada"}, "sync": {"prune": True}}
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    assert app["status"]["history"][0]["initiatedBy"] == {"username": "ada"}
    assert await flow.get("ConfigMap", "web") is not None


async def test_without_prune_an_operation_skips_what_git_no_longer_has(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("old"))})
    await flow.deploy(syncPolicy=by_hand())
    await flow.operation()
    await flow.push({"app/web.yaml": config_map()})
    await flow.settle()
    await flow.operation()
    assert (await flow.results())["ConfigMap/old"].startswith("PruneSkipped: ")
    assert await flow.words() == ("OutOfSync", "Healthy", "Succeeded")
    await flow.operation(prune=True)
    await flow.gone("ConfigMap", "old")
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": docs(config_map(), config_map("other"))})
    await flow.deploy(syncPolicy=by_hand())
    app = await flow.operation(dryRun=True)
    assert app["status"]["operationState"]["message"] == "dry run: 2 objects would be applied, 0 pruned"
    assert await flow.get("ConfigMap", "web") is None
    assert (await flow.words())[0] == "OutOfSync"
    assert "history" not in app["status"]


async def test_a_selective_sync_touches_only_what_was_named(flow: Flow) -> None:
    hook = config_map("hook", annotations={"argocd.argoproj.io/hook": "PreSync"})
    flow.repo.push({"app/web.yaml": docs(config_map("one"), config_map("two"), hook)})
    await flow.deploy(syncPolicy=by_hand())
    app = await flow.operation(resources=[{"kind": "ConfigMap", "name": "one"}])
    assert await flow.get("ConfigMap", "one") is not None
    assert await flow.get("ConfigMap", "two") is None
    assert await flow.get("ConfigMap", "hook") is None, "hooks are not run"
    assert "history" not in app["status"]
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    assert set(await flow.results()) == {"ConfigMap/one"}
    assert (await flow.words())[0] == "OutOfSync", "the rest of the application is still not there"


async def test_a_selective_sync_of_nothing_that_exists_says_so(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": config_map()})
    await flow.deploy(syncPolicy=by_hand())
    await flow.operation(resources=[{"kind": "ConfigMap", "name": "nobody"}])
    assert "operation.sync.resources names no object that the sources render" in await flow.said()


async def test_an_operation_may_ask_for_another_revision(flow: Flow) -> None:
    old = flow.repo.push({"app/web.yaml": config_map(colour="blue")})
    await flow.push({"app/web.yaml": config_map(colour="red")})
    await flow.deploy(syncPolicy=by_hand())
    app = await flow.operation(revision=old)
    assert (await flow.live("ConfigMap", "web"))["data"] == {"colour": "blue"}
    assert app["status"]["operationState"]["syncResult"]["revision"] == old
    assert app["status"]["history"][-1]["revision"] == old
    await flow.sweep()
    assert (await flow.words())[0] == "OutOfSync", "against the branch"


async def test_an_operation_that_fails_is_taken_too_and_says_why(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment(replica=1)})
    await flow.deploy(syncPolicy=by_hand())
    app = await flow.operation()
    assert "operation" not in app
    state = app["status"]["operationState"]
    assert state["phase"] == "Failed"
    assert "spec.replica" in state["message"]
    assert state["operation"]["initiatedBy"] == {"username": "ada"}


async def test_an_operation_that_waits_goes_on_towards_a_newer_commit(flow: Flow) -> None:
    flow.repo.push({"app/web.yaml": deployment(image="registry.example.org/web:broken")})
    await flow.deploy(syncPolicy=by_hand())
    await flow.operation(settle=False)
    await flow.settle(waits=False)
    assert (await flow.words())[2] == "Running"
    revision = await flow.push({"app/web.yaml": deployment(image="registry.example.org/web:2")})
    await flow.settle()
    assert await flow.words() == ("Synced", "Healthy", "Succeeded")
    state = (await flow.status())["operationState"]
    assert state["syncResult"]["revision"] == revision
    assert state["operation"]["initiatedBy"] == {"username": "ada"}
