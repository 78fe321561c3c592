import asyncio
from typing import Any

import pytest

from jobs.enqueue import Again, Queue
from jobs.marks import Inspection
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, Start
from tests.valkey import Valkey, until

LIST = "/api/v1/applications"


@pytest.fixture(autouse=True)
def _ada(api: ApiServer) -> None:
    api.user("t", "ada", "get", "list", "sync")


async def call(client: Client, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
    async with client.request(method, path, headers={"Authorization": "Bearer t"}, **more) as response:
        return response.status, await response.json(content_type=None)


async def names(client: Client, query: str = "") -> list[str]:
    _, page = await call(client, f"{LIST}?{query}")
    return [item["metadata"]["name"] for item in page["items"]]


async def test_applications_are_listed_without_managed_fields(client: Client, api: ApiServer) -> None:
    api.application("shop")
    api.application("cart", spec={"project": "web"})
    status, page = await call(client, LIST)
    assert (status, page["metadata"]["continue"]) == (200, "")
    assert await names(client) == ["cart", "shop"]
    assert "managedFields" not in page["items"][0]["metadata"]
    assert await names(client, "project=web") == ["cart"]
    assert await names(client, "project=default") == ["shop"]


async def test_pages_go_on_through_all_namespaces_and_miss_nothing(
    start: Start, valkey: Valkey, api: ApiServer
) -> None:
    client = await start(valkey, namespaces="pilothouse,hidden,team")
    api.user("t", "ada", "list", namespace="team")
    everything = [*(f"a{n}" for n in range(5)), *(f"b{n}" for n in range(4))]
    for name in everything:
        api.application(name, "pilothouse" if name.startswith("a") else "team")
    api.application("secret", "hidden")
    found, token = [], ""
    for _ in range(10):
        _, page = await call(client, f"{LIST}?limit=2&continue={token}")
        assert len(page["items"]) <= 2
        found += [item["metadata"]["name"] for item in page["items"]]
        token = page["metadata"]["continue"]
        if not token:
            break
    assert found == everything


async def test_a_selector_the_api_server_refuses_is_400(client: Client) -> None:
    status, problem = await call(client, f"{LIST}?selector=!!")
    assert (status, problem["title"]) == (400, "Bad request")


@pytest.mark.parametrize("query", ["limit=0", "continue=x", "projects=a", "namespace=kube-system"])
async def test_a_list_that_makes_no_sense_is_refused(query: str, client: Client) -> None:
    assert (await call(client, f"{LIST}?{query}"))[0] in (400, 404)


async def test_one_application_is_shown_and_an_absent_one_is_404(client: Client, api: ApiServer) -> None:
    api.application("shop")
    status, shown = await call(client, f"{LIST}/shop")
    assert (status, shown["metadata"]["name"], "managedFields" in shown["metadata"]) == (200, "shop", False)
    assert (await call(client, f"{LIST}/none"))[0] == 404
    assert (await call(client, f"{LIST}/..%2f..%2fsecrets"))[0] == 404


@pytest.mark.parametrize("kind", ["normal", "hard"])
async def test_a_refresh_is_asked_for_and_marked(kind: str, client: Client, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    status, shown = await call(client, f"{LIST}/shop?refresh={kind}")
    assert status == 200
    assert shown["metadata"]["annotations"]["argocd.argoproj.io/refresh"] == kind
    assert await queue.dirty("application", "pilothouse/shop")


async def test_another_refresh_is_refused(client: Client, api: ApiServer) -> None:
    api.application("shop")
    assert (await call(client, f"{LIST}/shop?refresh=soft"))[0] == 400


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


async def test_its_mark_says_whom_it_shares_a_limit_with(client: Client, api: ApiServer, queue: Queue) -> None:
    source, destination = {"repoURL": "https://git.example.org/shop.git", "path": "."}, {"name": "edge"}
    api.application("shop", spec={"source": source, "destination": destination})
    assert (await call(client, f"{LIST}/shop/sync", "POST"))[0] == 202
    claim = await queue.claim()
    assert claim
    assert claim.groups == ("cluster:edge",)


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


async def test_managed_resources_are_a_workers_answer(client: Client, api: ApiServer, queue: Queue) -> None:
    api.application("shop")
    waiting = asyncio.create_task(call(client, f"{LIST}/shop/managed-resources"))
    claim = None
    async with asyncio.timeout(5):
        while claim is None:
            claim = await queue.claim()
    question = Inspection.of(claim)
    assert (question.kind, question.key, question.request) == ("application", "pilothouse/shop", "managed-resources")
    await queue.answer(question.reply, b'{"items": []}')
    assert await waiting == (200, {"items": []})


async def test_what_the_worker_could_not_tell_is_422_in_its_own_words(
    client: Client, api: ApiServer, queue: Queue
) -> None:
    api.application("shop")
    waiting = asyncio.create_task(call(client, f"{LIST}/shop/managed-resources"))
    claim = None
    async with asyncio.timeout(5):
        while claim is None:
            claim = await queue.claim()
    await queue.answer(claim.key, b'{"error":"values.yaml: line 3","condition":"ComparisonError"}')
    status, problem = await waiting
    assert (status, problem["detail"]) == (422, "values.yaml: line 3")


async def test_no_worker_means_504(client: Client, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.api.INSPECT_TIMEOUT_S", 0.1)
    api.application("shop")
    status, problem = await call(client, f"{LIST}/shop/managed-resources")
    assert (status, problem["title"]) == (504, "No answer")
    assert (await call(client, f"{LIST}/none/managed-resources"))[0] == 404


async def test_an_unknown_route_is_problem_details_too(client: Client) -> None:
    status, problem = await call(client, "/api/v2/x")
    assert (status, problem["status"]) == (404, 404)
