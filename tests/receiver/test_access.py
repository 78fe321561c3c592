from typing import Any

import pytest

from receiver import access
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, Start
from tests.valkey import Valkey

LIST = "/api/v1/applications"


async def status(client: Client, token: str | None, path: str = LIST, *, method: str = "GET") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with client.request(method, path, headers=headers) as response:
        return response.status


def reviews(api: ApiServer, kind: str) -> list[Any]:
    return [body for _, path, body in api.asked if path.endswith(kind)]


@pytest.mark.parametrize("header", ["", "Basic dTpw", "Bearer", "Bearer ", "Bearer \u00e4", "bearer nobody", "token x"])
async def test_who_is_not_known_gets_401_and_how_to_do_better(header: str, client: Client) -> None:
    async with client.get(LIST, headers={"Authorization": header}) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await response.json(content_type=None))["detail"]


async def test_who_is_known_but_not_allowed_gets_403_that_names_the_permission(client: Client, api: ApiServer) -> None:
    api.user("t", "ada")
    async with client.get(LIST, headers={"Authorization": "Bearer t"}) as response:
        assert response.status == 403
        assert "ada may not list applications.argoproj.io" in (await response.json(content_type=None))["detail"]


async def test_user_uid_groups_and_extra_are_all_asked_about(client: Client, api: ApiServer) -> None:
    api.user("t", "ada", "list", uid="u1", groups=["dev"], extra={"scope": ["a", "b"]})
    assert await status(client, "t") == 200
    (asked_about,) = reviews(api, "subjectaccessreviews")
    spec = asked_about["spec"]
    assert (spec["user"], spec["uid"], spec["groups"], spec["extra"]) == ("ada", "u1", ["dev"], {"scope": ["a", "b"]})


async def test_a_token_for_our_own_audience_is_preferred(client: Client, api: ApiServer) -> None:
    api.user("t", "ci", "list")
    api.audiences["t"] = ["pilothouse"]
    assert await status(client, "t") == 200
    assert [body["spec"].get("audiences") for body in reviews(api, "tokenreviews")] == [["pilothouse"]]


async def test_a_token_for_another_audience_is_refused(client: Client, api: ApiServer) -> None:
    api.user("t", "ci", "list")
    api.audiences["t"] = ["vault"]
    assert await status(client, "t") == 401


async def test_an_answer_for_an_audience_nobody_asked_for_is_not_believed(client: Client, api: ApiServer) -> None:
    api.tokens["t"] = {"authenticated": "true", "user": {"username": "ada"}}
    assert await status(client, "t") == 401


async def test_a_token_without_a_user_is_refused(client: Client, api: ApiServer) -> None:
    api.tokens["t"] = {"authenticated": True, "user": {}}
    assert await status(client, "t") == 401


async def test_answers_are_kept_for_a_few_seconds_and_then_asked_again(
    client: Client, api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.user("t", "ada", "list")
    assert await status(client, "t") == 200
    asked = len(api.asked)
    api.allowed.clear()
    assert await status(client, "t") == 200
    assert [path for _, path, _ in api.asked[asked:] if "review" in path] == []
    cache: Any = access._Cache(lambda: now[0])
    now = [100.0]
    cache.put(("k",), True)
    now[0] += access.CACHE_S - 0.1
    assert cache.get(("k",)) is True
    now[0] += 0.2
    assert cache.get(("k",)) is None


def test_the_cache_is_bounded_and_loses_the_oldest() -> None:
    cache: Any = access._Cache(lambda: 0.0)
    for number in range(access.CACHE_SIZE + 5):
        cache.put((str(number),), True)
    assert len(cache._kept) == access.CACHE_SIZE
    assert cache.get(("0",)) is None


async def test_sync_needs_its_own_verb_or_patch(client: Client, api: ApiServer) -> None:
    api.application("shop")
    api.user("reader", "r", "get", "list")
    api.user("syncer", "s", "sync")
    api.user("patcher", "p", "patch")
    path = f"{LIST}/shop/sync"
    assert await status(client, "reader", path, method="POST") == 403
    assert await status(client, "patcher", path, method="POST") == 202
    api.application("shop")
    assert await status(client, "syncer", path, method="POST") == 202


async def test_a_permission_counts_in_its_namespace_only(start: Start, valkey: Valkey, api: ApiServer) -> None:
    client = await start(valkey, namespaces="pilothouse,team")
    api.user("t", "ada", "get", "list", namespace="team")
    api.application("shop")
    api.application("shop", "team")
    assert await status(client, "t", f"{LIST}/shop") == 403
    assert await status(client, "t", f"{LIST}/shop?appNamespace=team") == 200
    assert await status(client, "t", f"{LIST}/shop?appNamespace=kube-system") == 404


async def test_who_may_not_get_learns_nothing_of_what_exists(client: Client, api: ApiServer) -> None:
    api.user("t", "ada")
    api.application("shop")
    assert await status(client, "t", f"{LIST}/shop") == await status(client, "t", f"{LIST}/none") == 403


async def test_an_api_server_that_is_away_is_503_not_401(client: Client, api: ApiServer) -> None:
    api.away = True
    assert await status(client, "t") == 503


async def test_tokens_are_not_logged(client: Client, api: ApiServer, logged: list[Any]) -> None:
    api.application("shop")
    api.user("planted-token", "ada", "sync")
    assert await status(client, "planted-token", f"{LIST}/shop/sync", method="POST") == 202
    assert await status(client, "planted-other", f"{LIST}/shop/sync", method="POST") == 401
    assert any(line["event"] == "sync requested" and line["by"] == "ada" for line in logged)
    assert "planted" not in repr(logged)
