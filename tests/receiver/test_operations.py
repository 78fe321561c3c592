import asyncio
from typing import Any

import pytest

from jobs.enqueue import Again, Queue
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client
from tests.receiver.test_api import LIST, _ada, call
from tests.valkey import until

__all__ = ["_ada"]


async def test_a_sync_writes_the_operation_as_the_tokens_user_and_marks(
    client: Client, api: ApiServer, queue: Queue
) -> None:
    api.application("shop")
    body = {"revision": "v2", "prune": True, "resources": [{"kind": "Service", "name": "shop"}]}
    status, answer = await call(client, f"{LIST}/shop/sync", "POST", json=body)
    assert status == 202
    operation = api.applications["pilothouse", "shop"]["operation"]
    assert answer["operation"] == operation
    assert operation["initiatedBy"] == {"username": "ada"}
    assert operation["sync"] == body
    claim = await queue.claim()
    assert claim
    assert (claim.kind, claim.key, claim.why, claim.background) == ("application", "pilothouse/shop", "manual", False)


async def test_a_person_ends_a_back_off(client: Client, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    assert (await call(client, f"{LIST}/shop/sync", "POST"))[0] == 202
    claim = await queue.claim()
    assert claim
    await queue.done(claim, Again(3600.0, not_before_s=3600.0))
    api.application("shop")
    assert (await call(client, f"{LIST}/shop/sync", "POST"))[0] == 202
    assert await queue.claim()


@pytest.mark.parametrize(
    "parts",
    [
        {"operation": {"sync": {}}},
        {"status": {"operationState": {"phase": "Running"}}},
        {"status": {"operationState": {"phase": "Terminating"}}},
    ],
)
async def test_a_sync_while_one_runs_is_409(
    parts: dict[str, Any], client: Client, api: ApiServer, queue: Queue
) -> None:
    api.application("shop", **parts)
    assert (await call(client, f"{LIST}/shop/sync", "POST"))[0] == 409
    assert await queue.claim() is None


async def test_a_sync_outlasts_a_write_of_the_worker(client: Client, api: ApiServer) -> None:
    api.application("shop")
    api.conflicts = 2
    assert (await call(client, f"{LIST}/shop/sync", "POST"))[0] == 202
    api.application("shop")
    api.conflicts = 100
    assert (await call(client, f"{LIST}/shop/sync", "POST"))[0] == 409


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"prunes": 1}', b'{"revision": "-x"}'])
async def test_a_sync_that_makes_no_sense_is_400(body: bytes, client: Client, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    assert (await call(client, f"{LIST}/shop/sync", "POST", data=body))[0] == 400
    assert "operation" not in api.applications["pilothouse", "shop"]


async def test_what_a_caller_says_about_himself_is_refused(client: Client, api: ApiServer) -> None:
    api.application("shop")
    status, _ = await call(client, f"{LIST}/shop/sync", "POST", json={"initiatedBy": {"username": "root"}})
    assert status == 400


async def test_waiting_ends_with_the_operations_state(client: Client, api: ApiServer) -> None:
    api.application("shop")
    waiting = asyncio.create_task(call(client, f"{LIST}/shop/sync?wait=20s", "POST"))
    await until(lambda: "operation" in api.applications["pilothouse", "shop"])
    found = api.applications["pilothouse", "shop"]
    state = {"phase": "Running", "operation": found.pop("operation")}
    found["status"] = {"operationState": state}
    seen = len(api.asked)
    await until(lambda: len(api.asked) > seen + 1)
    assert not waiting.done()
    state["phase"] = "Succeeded"
    status, answer = await waiting
    assert (status, answer["operationState"]["phase"]) == (200, "Succeeded")


async def test_waiting_ends_when_another_operation_took_over(client: Client, api: ApiServer) -> None:
    api.application("shop")
    waiting = asyncio.create_task(call(client, f"{LIST}/shop/sync?wait=20s", "POST"))
    await until(lambda: "operation" in api.applications["pilothouse", "shop"])
    found = api.applications["pilothouse", "shop"]
    del found["operation"]
    found["status"] = {"operationState": {"phase": "Running", "operation": {"initiatedBy": {"automated": True}}}}
    status, answer = await waiting
    assert (status, answer["operationState"]["phase"]) == (200, "Running")


async def test_a_wait_that_is_over_is_202(client: Client, api: ApiServer) -> None:
    api.application("shop")
    status, answer = await call(client, f"{LIST}/shop/sync?wait=100ms", "POST")
    assert (status, "operationState" in answer) == (202, False)


SOURCE = {"repoURL": "https://git.example.com/shop.git", "path": "shop"}
DESTINATION = {"server": "https://kubernetes.default.svc"}
HISTORY = [
    {"id": 3, "revision": "c3", "source": {**SOURCE, "path": "old"}, "deployedAt": "2026-11-01T12:00:00Z"},
    {"id": 4, "revisions": ["c4", "c5"], "sources": [SOURCE, SOURCE], "source": {"repoURL": ""}},
]


def an_application(api: ApiServer, **policy: Any) -> None:
    spec = {"source": SOURCE, "destination": DESTINATION, "syncPolicy": policy}
    api.application("shop", spec=spec, status={"history": HISTORY})


async def rolled_back(client: Client, **body: Any) -> tuple[int, Any]:
    return await call(client, f"{LIST}/shop/rollback", "POST", json=body)


async def test_a_rollback_asks_for_what_was_deployed_then(client: Client, api: ApiServer, queue: Queue) -> None:
    an_application(api)
    status, answer = await rolled_back(client, id=3, prune=True)
    assert status == 202
    operation = api.applications["pilothouse", "shop"]["operation"]
    assert answer["operation"] == operation
    assert operation["sync"] == {"prune": True, "source": {**SOURCE, "path": "old"}, "revision": "c3"}
    assert operation["initiatedBy"] == {"username": "ada"}
    claim = await queue.claim()
    assert claim
    assert (claim.key, claim.why) == ("pilothouse/shop", "manual")


async def test_a_rollback_of_several_sources_names_all_of_them(client: Client, api: ApiServer) -> None:
    an_application(api, automated={"enabled": False})
    assert (await rolled_back(client, id=4))[0] == 202
    sync = api.applications["pilothouse", "shop"]["operation"]["sync"]
    assert sync == {"sources": [SOURCE, SOURCE], "revisions": ["c4", "c5"]}


async def test_while_automated_sync_is_on_a_rollback_is_refused_with_the_way_to_do_it(
    client: Client, api: ApiServer, queue: Queue
) -> None:
    an_application(api, automated={})
    status, problem = await rolled_back(client, id=3)
    assert (status, problem["title"]) == (409, "Not as it is now")
    assert "git revert" in problem["detail"]
    assert "operation" not in api.applications["pilothouse", "shop"]
    assert await queue.claim() is None


async def test_a_rollback_to_what_never_was_says_what_there_is(client: Client, api: ApiServer) -> None:
    an_application(api)
    status, problem = await rolled_back(client, id=7)
    assert (status, problem["errors"]) == (
        409,
        [{"field": "id", "detail": "status.history has no entry 7; it has 3, 4"}],
    )
    assert (await rolled_back(client))[0] == 400


async def test_a_rollback_of_what_makes_no_sense_is_refused(client: Client, api: ApiServer) -> None:
    api.application("shop", spec={"source": 7}, status={"history": HISTORY})
    status, problem = await rolled_back(client, id=3)
    assert (status, "spec.source" in problem["detail"]) == (409, True)


async def test_a_rollback_needs_the_right_to_sync(client: Client, api: ApiServer) -> None:
    an_application(api)
    api.user("reader", "r", "get", "list")
    headers = {"Authorization": "Bearer reader"}
    async with client.post(f"{LIST}/shop/rollback", json={"id": 3}, headers=headers) as response:
        assert response.status == 403
