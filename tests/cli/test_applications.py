import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from deploy.cli.main import app
from jobs.enqueue import Queue
from tests.cli.conftest import Run
from tests.receiver.apiserver import ApiServer
from tests.valkey import Valkey, until

WELL = {
    "sync": {"status": "Synced", "revision": "59b20b8d5c6ff8d09518454d4dd8b7b30f095ab5"},
    "health": {"status": "Healthy"},
    "resources": [
        {"kind": "Service", "namespace": "prod", "name": "web", "status": "Synced", "health": {"status": "Healthy"}}
    ],
}


@pytest_asyncio.fixture
async def queue(valkey: Valkey) -> AsyncIterator[Queue]:
    queue = Queue(valkey.url, lease_s=5.0)
    yield queue
    await queue.close()


async def test_a_list_is_a_table_with_one_line_for_each(run: Run, api: ApiServer) -> None:
    api.application("shop", status=WELL)
    api.application("cart")
    result = await run("app", "list")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines() if "pilothouse" in line]
    assert rows == [
        ["pilothouse", "cart", "Unknown", "Unknown"],
        ["pilothouse", "shop", "Synced", "Healthy", "59b20b8d5c6f"],
    ]


async def test_a_long_list_is_fetched_page_by_page(run: Run, api: ApiServer) -> None:
    for number in range(1_001):
        api.application(f"a{number:04}")
    result = await run("app", "list", "-o", "json")
    assert [item["metadata"]["name"] for item in json.loads(result.stdout)] == [
        f"a{number:04}" for number in range(1_001)
    ]


async def test_one_application_is_shown_with_its_objects(run: Run, api: ApiServer) -> None:
    api.application("shop", status=WELL)
    result = await run("app", "get", "shop")
    assert ["Service", "prod", "web", "Synced", "Healthy"] in [line.split() for line in result.stdout.splitlines()]
    assert json.loads((await run("app", "get", "shop", "--output", "json")).stdout)["kind"] == "Application"


async def test_messages_cannot_steer_the_terminal(run: Run, api: ApiServer) -> None:
    message = "\x1b]0;planted\x07\x1b[2J [red]broken[/red]"
    api.application("shop", status={"conditions": [{"type": "ComparisonError", "message": message}]})
    result = await run("app", "get", "shop")
    assert "\x1b" not in result.stdout
    assert "[red]broken[/red]" in result.stdout


async def test_a_sync_is_asked_for_with_all_its_options(run: Run, api: ApiServer) -> None:
    api.application("shop")
    options = [
        "--revision",
        "v2",
        "--prune",
        "--dry-run",
        "--resource",
        "apps:Deployment:prod/web",
        "--resource",
        ":Service:web",
    ]
    result = await run("app", "sync", "shop", *options)
    assert (result.exit_code, result.stdout) == (0, "Requested\n")
    assert api.applications["pilothouse", "shop"]["operation"]["sync"] == {
        "revision": "v2",
        "prune": True,
        "dryRun": True,
        "resources": [
            {"group": "apps", "kind": "Deployment", "name": "web", "namespace": "prod"},
            {"kind": "Service", "name": "web"},
        ],
    }


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("Failed", 1), ("Error", 1)])
async def test_waiting_for_a_sync_tells_how_it_ended(phase: str, code: int, run: Run, api: ApiServer) -> None:
    api.application("shop")
    running = asyncio.create_task(run("app", "sync", "shop", "--wait", "20"))
    await until(lambda: "operation" in api.applications["pilothouse", "shop"])
    found = api.applications["pilothouse", "shop"]
    found["status"] = {"operationState": {"phase": phase, "message": "as it went", "operation": found.pop("operation")}}
    result = await running
    assert (result.exit_code, result.stdout) == (code, f"{phase} as it went\n")


async def test_a_sync_that_has_not_ended_in_time_is_5(run: Run, api: ApiServer) -> None:
    api.application("shop")
    assert (await run("app", "sync", "shop", "--wait", "1")).exit_code == 5


async def test_a_resource_that_is_none_is_wrong_usage(run: Run, api: ApiServer) -> None:
    api.application("shop")
    assert (await run("app", "sync", "shop", "--resource", "web")).exit_code == 2
    assert "operation" not in api.applications["pilothouse", "shop"]


async def test_differences_are_shown_by_object_and_path(run: Run, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    base = {"group": "apps", "namespace": "prod", "liveState": "{}", "targetState": "{}"}
    items = [
        {**base, "kind": "Deployment", "name": "web", "action": "configured", "differences": [".spec.replicas"]},
        {**base, "kind": "Deployment", "name": "same", "action": "unchanged", "differences": []},
        {"group": "", "namespace": "", "kind": "Namespace", "name": "prod", "action": "created", "differences": []},
        {
            "group": "",
            "namespace": "prod",
            "kind": "Service",
            "name": "old",
            "requiresPruning": True,
            "kept": "Prune=false",
        },
    ]
    result = await answered(run("app", "diff", "shop"), queue, {"items": items})
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "~ Deployment.apps prod/web",
        "    .spec.replicas",
        "+ Namespace prod",
        "- Service prod/old (kept: Prune=false)",
    ]


async def test_no_differences_are_0(run: Run, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    result = await answered(run("app", "diff", "shop"), queue, {"items": []})
    assert (result.exit_code, result.stdout) == (0, "")


async def answered(command: Any, queue: Queue, answer: Any) -> Any:
    """The command's result, with a worker's answer to its question."""
    running = asyncio.create_task(command)
    async with asyncio.timeout(10):
        while not (claim := await queue.claim()):
            await asyncio.sleep(0.005)
    await queue.answer(claim.key, json.dumps(answer).encode())
    return await running


async def test_waiting_ends_when_it_is_synced_and_healthy(run: Run, api: ApiServer) -> None:
    api.application("shop", status={**WELL, "operationState": {"phase": "Running"}})
    running = asyncio.create_task(run("app", "wait", "shop", "--timeout", "20"))
    await until(lambda: any(path.endswith("/applications/shop") for _, path, _ in api.asked))
    assert not running.done()
    api.applications["pilothouse", "shop"]["status"]["operationState"]["phase"] = "Succeeded"
    assert (await running).exit_code == 0


async def test_waiting_in_vain_is_5(run: Run, api: ApiServer) -> None:
    api.application("shop")
    assert (await run("app", "wait", "shop", "--timeout", "1")).exit_code == 5


async def test_a_refusal_is_3_with_its_sentence(run: Run) -> None:
    result = await run("app", "get", "none")
    assert (result.exit_code, result.stderr) == (3, "pilothouse: there is no Application pilothouse/none (404)\n")
    assert (await run("app", "list", PILOTHOUSE_TOKEN="wrong")).exit_code == 3


@pytest.mark.parametrize(("server", "code"), [("http://127.0.0.1:1", 4), ("file:///etc/passwd", 2), ("nonsense", 2)])
def test_a_server_that_cannot_be_reached_or_is_none_is_said(server: str, code: int) -> None:
    result = CliRunner().invoke(app, ["app", "list"], env={"PILOTHOUSE_SERVER": server, "PILOTHOUSE_TOKEN": "planted"})
    assert result.exit_code == code
    assert server.split("/")[0] in result.stderr
    assert "planted" not in result.output
