import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from jobs.enqueue import Queue
from tests.cli.conftest import Run
from tests.receiver.apiserver import ApiServer
from tests.valkey import Valkey

CART = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: cart, annotations: {since: 2026-11-01}}
spec:
  project: default
  source: {repoURL: https://git.example.com/shop.git, path: cart}
  destination: {name: in-cluster, namespace: shop}
"""
UID = {"metadata": {"name": "cart", "namespace": "pilothouse", "uid": "u", "resourceVersion": "1"}}
FINALIZER = "resources-finalizer.argocd.argoproj.io"


@pytest_asyncio.fixture
async def queue(valkey: Valkey) -> AsyncIterator[Queue]:
    queue = Queue(valkey.url, lease_s=5.0)
    yield queue
    await queue.close()


async def create(run: Run, folder: Path, text: str, *options: str) -> Any:
    path = folder / "apps.yaml"
    path.write_text(text)
    return await run("app", "create", "-f", str(path), *options)


async def answered(run: Run, queue: Queue, answer: Any, *arguments: str) -> Any:
    running = asyncio.create_task(run("app", *arguments))
    async with asyncio.timeout(10):
        while not (claim := await queue.claim()):
            await asyncio.sleep(0.005)
    await queue.answer(claim.key, json.dumps(answer).encode())
    return await running


async def test_the_applications_of_a_file_are_created_with_the_callers_token(
    run: Run, api: ApiServer, tmp_path: Path
) -> None:
    result = await create(run, tmp_path, f"{CART}---\n{CART.replace('name: cart', 'name: shop')}")
    assert (result.exit_code, result.stdout) == (0, "pilothouse/cart created\npilothouse/shop created\n")
    assert api.applications["pilothouse", "cart"]["metadata"]["annotations"] == {"since": "2026-11-01"}
    assert api.wrote == [("POST", "Bearer t")] * 2
    again = await create(run, tmp_path, CART)
    assert (again.exit_code, "there is an Application pilothouse/cart (409)" in again.stderr) == (3, True)


async def test_all_that_is_wrong_with_an_application_is_said(run: Run, api: ApiServer, tmp_path: Path) -> None:
    result = await create(run, tmp_path, CART.replace("path: cart", "path: ../x, zone: 1"))
    assert result.exit_code == 3
    assert "spec.source.path must be a relative path" in result.stderr
    assert "spec.source.zone is unknown" in result.stderr
    assert not api.applications


async def test_a_warning_is_told(run: Run, api: ApiServer, tmp_path: Path) -> None:
    result = await create(run, tmp_path, CART.replace("path: cart", "path: cart, kustomize: {namePrefix: x}"))
    assert result.exit_code == 0
    assert "spec.source.kustomize is not supported yet" in result.stderr


@pytest.mark.parametrize("text", ["", "kind: ConfigMap", f"{CART}---\nkind: ConfigMap", "a: [", "- 7"])
async def test_a_file_with_something_else_is_wrong_usage_and_nothing_is_created(
    text: str, run: Run, api: ApiServer, tmp_path: Path
) -> None:
    assert (await create(run, tmp_path, text)).exit_code == 2
    assert (await run("app", "create", "-f", str(tmp_path / "none"))).exit_code == 2
    assert not api.applications


async def test_a_deletion_asks_first_and_says_what_goes(run: Run, api: ApiServer) -> None:
    api.application("cart", **UID)
    unasked = await run("app", "delete", "cart")
    assert (unasked.exit_code, "all its objects" in unasked.stderr) == (1, True)
    assert ("pilothouse", "cart") in api.applications
    result = await run("app", "delete", "cart", "--no-cascade", "--yes")
    assert (result.exit_code, result.stdout) == (0, "deleted\n")
    assert ("pilothouse", "cart") not in api.applications
    api.application("cart", metadata={**UID["metadata"], "finalizers": [FINALIZER]})
    result = await run("app", "delete", "cart", "-y")
    assert (result.exit_code, result.stdout) == (0, "its objects are going; then it goes itself\n")


async def test_a_rollback_is_asked_for(run: Run, api: ApiServer) -> None:
    source = {"repoURL": "https://git.example.com/shop.git", "path": "old"}
    spec = {"source": source, "destination": {"name": "in-cluster"}}
    api.application("cart", spec=spec, status={"history": [{"id": 3, "source": source, "revision": "c3"}]})
    result = await run("app", "rollback", "cart", "3", "--prune")
    assert (result.exit_code, result.stdout) == (0, "Requested\n")
    sync = api.applications["pilothouse", "cart"]["operation"]["sync"]
    assert sync == {"prune": True, "source": source, "revision": "c3"}
    assert (await run("app", "rollback", "cart", "3")).exit_code == 3


async def test_manifests_are_shown_as_yaml(run: Run, api: ApiServer, queue: Queue) -> None:
    api.application("cart")
    texts = ['{"kind": "Service", "metadata": {"name": "web\\u001b[2J"}}', '{"kind": "ConfigMap"}']
    answer = {"manifests": texts, "warnings": ["twice"], "revisions": [], "sourceTypes": []}
    result = await answered(run, queue, answer, "manifests", "cart")
    assert result.exit_code == 0
    assert result.stdout.startswith("---\nkind: Service\nmetadata:\n  name: ")
    assert result.stdout.endswith("---\nkind: ConfigMap\n")
    assert "\x1b" not in result.stdout
    assert "twice" in result.stderr


async def test_events_are_a_table(run: Run, api: ApiServer, queue: Queue) -> None:
    api.application("cart")
    event = {"type": "Normal", "reason": "OperationCompleted", "message": "Sync operation to c3 succeeded", "count": 2}
    answer = {
        "items": [{**event, "firstTimestamp": "", "lastTimestamp": "2026-11-01T12:00:00Z", "source": "pilothouse"}]
    }
    result = await answered(run, queue, answer, "events", "cart")
    assert result.exit_code == 0
    assert "2026-11-01T12:00:00Z" in result.stdout
    assert "Sync operation to c3 succeeded" in result.stdout


async def test_a_list_can_be_filtered(run: Run, api: ApiServer) -> None:
    api.application("cart", status={"health": {"status": "Degraded"}, "sync": {"status": "Synced"}})
    api.application("shop", status={"health": {"status": "Missing"}})
    api.application("well", status={"health": {"status": "Healthy"}})
    result = await run("app", "list", "-o", "json", "--health", "Degraded", "--health", "Missing")
    assert [item["metadata"]["name"] for item in json.loads(result.stdout)] == ["cart", "shop"]
    result = await run("app", "list", "-o", "json", "--health", "Degraded", "--sync", "OutOfSync")
    assert json.loads(result.stdout) == []
    assert (await run("app", "list", "--health", "Well")).exit_code == 3
