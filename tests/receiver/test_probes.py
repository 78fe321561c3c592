from importlib.metadata import version

from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Client, Start
from tests.valkey import Valkey


async def test_a_healthy_receiver_says_so(client: Client) -> None:
    for path in ("/healthz", "/readyz"):
        async with client.get(path) as response:
            assert (response.status, (await response.json())["status"]) == (200, "ok")


async def test_the_version_is_told(client: Client) -> None:
    async with client.get("/api/version") as response:
        assert await response.json() == {"Version": version("pilothouse")}


async def test_without_the_api_server_it_lives_but_is_not_ready(client: Client, api: ApiServer) -> None:
    api.away = True
    async with client.get("/readyz") as response:
        assert response.status == 503
        assert await response.json() == {"status": "not ready", "valkey": "ok", "kubernetes": "no answer"}
    async with client.get("/healthz") as response:
        assert response.status == 200


async def test_without_valkey_it_lives_but_is_not_ready(start: Start, own_valkey: Valkey) -> None:
    client = await start(own_valkey)
    own_valkey.kill()
    async with client.get("/readyz") as response:
        assert (response.status, (await response.json())["valkey"]) == (503, "no answer")


async def test_requests_are_counted_by_route_not_by_path(client: Client) -> None:
    for name in ("a", "b"):
        async with client.get(f"/api/v1/applications/{name}"):
            pass
    async with client.request("PROPFIND", "/nowhere"):
        pass
    async with client.get("/metrics") as response:
        assert response.content_type == "text/plain"
        lines = await response.text()
    assert 'pilothouse_http_requests_total{method="GET",route="/api/v1/applications/{name}",status="401"} 2.0' in lines
    assert 'pilothouse_http_requests_total{method="other",route="unknown",status="404"} 1.0' in lines
