"""A run that fails half-way says on the Application what it did; one that has nothing left to do rests."""

from dataclasses import replace
from typing import Any

from jobs.core.errors import Unreachable
from jobs.store import Applications
from tests.e2e.harness import Flow, automated

CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{place}}}\ndata: {data}\n"


def config(name: str, data: str = "{a: '1'}", namespace: str = "") -> str:
    return CONFIG.format(name=name, data=data, place=f", namespace: {namespace}" if namespace else "")


async def test_a_run_that_fails_half_way_tells_in_its_own_operation_what_it_applied(flow: Flow) -> None:
    made = f"made-{flow.token}"
    flow.leftovers.append(("Namespace", made))
    flow.repo.push(
        {
            "app/namespace.yaml": f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {made}}}\n",
            "app/good.yaml": config("good"),
            # Cannot be judged before its namespace is there, and is refused then.
            "app/bad.yaml": config("bad", data="{'a b': '1'}", namespace=made),
        }
    )
    await flow.deploy()
    state = (await flow.status())["operationState"]
    assert state["phase"] == "Failed"
    assert state["message"].startswith("2 objects were applied before, 1 refused: ConfigMap ")
    results = await flow.results()
    assert results[f"Namespace/{made}"] == "Synced: created"
    assert results["ConfigMap/bad"].startswith("SyncFailed: ")
    assert len([key for key, _ in flow.log if key.startswith("application:")]) == 1, "the failure was told at once"
    assert "OperationCompleted" in await flow.events()


async def test_what_pruning_leaves_alone_is_no_reason_to_sync_again_and_again(flow: Flow) -> None:
    flow.repo.push({"app/a.yaml": config("a"), "app/b.yaml": config("b")})
    await flow.deploy(syncPolicy=automated(prune=False))
    await flow.push({"app/b.yaml": None})
    await flow.settle()
    status = await flow.status()
    assert (status["sync"]["status"], len(status["history"])) == ("OutOfSync", 2)
    for _ in range(2):
        await flow.sweep()
    assert len((await flow.status())["history"]) == 2
    assert await flow.get("ConfigMap", "b") is not None


async def test_a_chart_that_renders_nothing_prunes_nothing_even_if_its_namespace_is_made(flow: Flow) -> None:
    flow.repo.push({"app/a.yaml": config("a")})
    await flow.deploy(syncPolicy=automated("CreateNamespace=true"))
    await flow.push({"app/a.yaml": "# nothing\n"})
    await flow.settle()
    assert await flow.get("ConfigMap", "a") is not None
    assert "allowEmpty" in await flow.said()


async def test_labels_that_people_gave_the_destination_namespace_stay(flow: Flow) -> None:
    await flow.patch("Namespace", flow.namespace, {"metadata": {"labels": {"team": "shop"}}}, manager="kubectl-label")
    flow.repo.push({"app/a.yaml": config("a")})
    await flow.deploy(syncPolicy=automated("CreateNamespace=true"))
    assert (await flow.live("Namespace", flow.namespace))["metadata"]["labels"]["team"] == "shop"
    assert (await flow.words())[0] == "Synced"


async def test_an_object_named_twice_in_one_namespace_is_applied_once_and_told(flow: Flow) -> None:
    flow.repo.push({"app/a.yaml": config("a"), "app/b.yaml": config("a", "{a: '2'}", namespace=flow.namespace)})
    await flow.deploy()
    assert (await flow.live("ConfigMap", "a"))["data"] == {"a": "2"}
    assert "RepeatedResourceWarning" in await flow.said()
    assert (await flow.words())[0] == "Synced"


async def test_a_selective_sync_is_not_taken_for_a_whole_one(flow: Flow) -> None:
    flow.repo.push({"app/a.yaml": config("a"), "app/b.yaml": config("b")})
    await flow.deploy(syncPolicy={})
    await flow.operation(resources=[{"kind": "ConfigMap", "name": "a"}])
    assert await flow.get("ConfigMap", "b") is None
    status = await flow.status()
    assert status["sync"]["status"] == "OutOfSync"
    assert {item["name"] for item in status["resources"]} == {"a", "b"}
    assert status["operationState"]["phase"] == "Succeeded"


async def test_a_home_cluster_that_takes_no_status_is_asked_again_later(flow: Flow) -> None:
    flow.repo.push({"app/a.yaml": config("a")})
    flow.parts = replace(flow.parts, applications=AwayForWrites(flow.parts.applications))
    await flow.create_application()
    again = await flow.step()
    assert again is not None
    assert (again.why, again.not_before_s) == ("retry", 10.0)
    assert await flow.get("ConfigMap", "a") is None, "it was not yet written down where pruning must look"


class AwayForWrites(Applications):
    """Applications that can be read and not written."""

    def __init__(self, real: Applications) -> None:
        super().__init__(real._kube)

    async def record(self, *_: Any, **__: Any) -> Any:
        """As when the API server is gone between two requests."""
        raise Unreachable("connection refused")
