from typing import Any

import pytest

from jobs.enqueue import Queue
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, Start
from tests.valkey import Valkey

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
    assert await names(client, "projects=web") == ["cart"]
    assert await names(client, "projects=default") == ["shop"]


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


@pytest.mark.parametrize("query", ["limit=0", "continue=x", "project=a", "namespace=kube-system"])
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


async def test_filters_are_met_whatever_namespace_and_page_they_lie_in(
    start: Start, valkey: Valkey, api: ApiServer
) -> None:
    client = await start(valkey, namespaces="pilothouse,team")
    api.user("t", "ada", "list", namespace="team")
    shop = {"source": {"repoURL": "https://git.example.com/shop.git"}}
    for number in range(6):
        api.application(f"a{number}", "team" if number % 2 else "pilothouse", spec=shop if number > 3 else {})
    api.applications["team", "a5"]["status"] = {"health": {"status": "Degraded"}, "sync": {"status": "OutOfSync"}}
    assert await names(client, "repo=git@git.example.com:shop") == ["a4", "a5"]
    assert await names(client, "repo=git@git.example.com:shop&limit=1") == ["a4"]
    assert await names(client, "health=Degraded&health=Missing") == ["a5"]
    assert await names(client, "sync=OutOfSync&health=Unknown") == []
    assert await names(client, "projects=default&namespace=team") == ["a1", "a3", "a5"]


async def test_a_filter_that_little_meets_reads_so_much_and_no_more(client: Client, api: ApiServer) -> None:
    for number in range(30):
        api.application(f"a{number:02}", spec={"project": "web"} if number == 29 else {})
    found, token, pages = [], "", 0
    while pages == 0 or token:
        _, page = await call(client, f"{LIST}?projects=web&limit=1&continue={token}")
        found += [item["metadata"]["name"] for item in page["items"]]
        token, pages = page["metadata"]["continue"], pages + 1
    assert (found, pages) == (["a29"], 3)


async def test_a_page_goes_on_although_its_namespace_was_forbidden_meanwhile(
    start: Start, valkey: Valkey, api: ApiServer
) -> None:
    client = await start(valkey, namespaces="first,second,third")
    for namespace in ("first", "second", "third"):
        api.application(f"in-{namespace}", namespace)
    api.user("all", "ada", "list", namespace="first")
    api.allowed |= {("ada", "list", "second"), ("ada", "list", "third")}
    api.user("some", "bob", "list", namespace="first")
    api.allowed.add(("bob", "list", "third"))
    async with client.get(f"{LIST}?limit=1", headers={"Authorization": "Bearer all"}) as answer:
        token = (await answer.json())["metadata"]["continue"]
    async with client.get(f"{LIST}?continue={token}", headers={"Authorization": "Bearer some"}) as answer:
        page = await answer.json()
    assert [item["metadata"]["name"] for item in page["items"]] == ["in-third"]


async def test_only_the_fields_that_are_asked_for_are_shown(client: Client, api: ApiServer) -> None:
    api.application("shop", status={"sync": {"status": "Synced", "revision": "1"}})
    fields = "fields=metadata.name,status.sync.status"
    wanted = {"metadata": {"name": "shop"}, "status": {"sync": {"status": "Synced"}}}
    assert await call(client, f"{LIST}/shop?{fields}") == (200, wanted)
    assert (await call(client, f"{LIST}?{fields}"))[1]["items"] == [wanted]


async def test_a_version_that_is_known_is_not_sent_again(client: Client, api: ApiServer) -> None:
    api.application("shop")
    token = {"Authorization": "Bearer t"}
    async with client.get(f"{LIST}/shop", headers=token) as first:
        tag = first.headers["ETag"]
    for known, status in ((tag, 304), ("*", 304), (f"W/{tag}", 200), ('"other"', 200)):
        async with client.get(f"{LIST}/shop", headers={**token, "If-None-Match": known}) as answer:
            assert (answer.status, answer.headers["ETag"]) == (status, tag), known


async def test_an_unknown_route_is_problem_details_too(client: Client) -> None:
    status, problem = await call(client, "/api/v2/x")
    assert (status, problem["status"]) == (404, 404)
