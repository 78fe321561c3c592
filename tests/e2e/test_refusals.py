"""What is refused is told for as long as it is refused, not only by the run that tried."""

from tests.e2e.harness import Flow, automated, by_hand

HOOK = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bye, annotations: {helm.sh/hook: pre-delete}}\n"
REFUSED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndata: {'a b': '1'}\n"


async def test_a_refusal_stays_on_the_application_when_the_retries_are_used_up(flow: Flow) -> None:
    flow.repo.push({"app/bad.yaml": REFUSED})
    await flow.deploy(syncPolicy={**automated(), "retry": {"limit": 0}})
    first = await flow.said()
    assert first.startswith("SyncError: nothing was changed, 1 refused: ConfigMap ")
    for _ in range(2):
        await flow.sweep()
        assert await flow.said() == first


async def test_an_application_that_nobody_synced_yet_says_what_would_be_refused(flow: Flow) -> None:
    flow.repo.push({"app/bad.yaml": REFUSED})
    await flow.deploy(syncPolicy=by_hand())
    assert (await flow.said()).startswith("SyncError: nothing was changed, 1 refused: ConfigMap ")
    await flow.push({"app/bad.yaml": REFUSED.replace("a b", "a")})
    await flow.settle()
    assert await flow.said() == ""


async def test_a_hook_of_the_deletion_is_not_run_by_a_sync(flow: Flow) -> None:
    flow.repo.push({"app/bye.yaml": HOOK})
    await flow.deploy()
    assert await flow.said() == ""
    assert await flow.get("ConfigMap", "bye") is None
