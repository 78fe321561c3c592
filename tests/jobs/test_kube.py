"""The client on the wire: what it sends, and that nothing but the API server's own answer counts as one."""

import asyncio
import inspect
import socket
from types import ModuleType

import aiohttp
import pytest
from aiohttp import client_exceptions, http_exceptions, web

from jobs import kube_http
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.discovery import ApiResource
from jobs.core.errors import (
    Conflict,
    Gone,
    KubeError,
    LostClaim,
    NotFound,
    Overloaded,
    Refused,
    Unauthorized,
    Unreachable,
)
from jobs.kube import Kube, Preconditions
from jobs.kube_errors import BY_EXCEPTION, FOREIGN, error_of
from jobs.kube_http import retry_after
from tests.jobs.wire import answering, response, serving, status, stream_head

VERBS = frozenset({"get", "list", "watch", "patch", "create", "delete"})
CONFIG_MAPS = ApiResource("", "ConfigMap", "v1", ("v1",), "configmaps", True, VERBS)
SECRETS = ApiResource("", "Secret", "v1", ("v1",), "secrets", True, VERBS)
NAMESPACES = ApiResource("", "Namespace", "v1", ("v1",), "namespaces", False, VERBS)
SEEN = Preconditions("u-1", "7")
DEPLOYMENTS = ApiResource("apps", "Deployment", "v1", ("v1", "v1beta1"), "deployments", True, VERBS)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Back-off is tested as a function; here it would only cost time."""
    monkeypatch.setattr(
        kube_http, "retry_after", lambda error, **given: None if retry_after(error, **given) is None else 0
    )


def a_config_map(**data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": data}


async def test_a_409_raises_a_conflict_that_names_verb_path_and_the_servers_words():
    async with serving(answering(response(409, status(409, "Conflict", "the object has been modified")))) as wire:
        kube = wire.kube()
        with pytest.raises(Conflict) as caught:
            await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        await kube.close()
    assert "PATCH /api/v1/namespaces/shop/configmaps/web: the object has been modified" in caught.value.message
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("code", "reason", "message", "kind"),
    [
        (400, "BadRequest", "", Refused),
        (401, "Unauthorized", "", Unauthorized),
        (403, "Forbidden", "", Refused),
        (404, "NotFound", "", NotFound),
        (405, "MethodNotAllowed", "", Refused),
        (409, "AlreadyExists", "", Conflict),
        (410, "Expired", "", Gone),
        (415, "UnsupportedMediaType", "", Refused),
        (418, "", "", Refused),
        (422, "Invalid", "", Refused),
        (429, "TooManyRequests", "", Overloaded),
        (500, "InternalError", "failed calling webhook", Overloaded),
        (500, "", "failed to create typed patch object (shop/web; /v1, Kind=ConfigMap)", Refused),
        (500, "", "failed to convert new object (/d; apps/v1, Kind=Deployment) to proper version: quantities", Refused),
        (500, "", "etcdserver: request is too large", Refused),
        (500, "", "etcdserver: leader changed", Overloaded),
        (503, "ServiceUnavailable", "", Overloaded),
        (504, "Timeout", "", Overloaded),
    ],
)
def test_each_answer_of_the_api_server_has_its_error(code, reason, message, kind):
    error = error_of("GET /x", code, status(code, reason, message))
    assert type(error) is kind
    assert error.status == code


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (502, Unreachable),
        (404, Unreachable),
        (409, Unreachable),
        (410, Unreachable),
        (500, Unreachable),
        (302, Unreachable),
        (403, Refused),
        (503, Overloaded),
    ],
)
def test_an_answer_that_is_no_status_object_is_a_proxys(code, kind):
    assert type(error_of("GET /x", code, "<html>nope</html>")) is kind


async def test_an_html_404_of_a_proxy_does_not_read_as_a_missing_object():
    async with serving(answering(response(404, b"<html>not here</html>", "text/html"))) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable, match="HTTP 404"):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()


@pytest.mark.parametrize("body", [response(200, b"<html>log in</html>", "text/html"), response(200, b'{"kind": "Con')])
async def test_a_200_that_is_not_json_is_no_answer(body):
    async with serving(answering(body)) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()


async def test_a_redirect_is_not_followed():
    async with serving(answering(response(302, b"", "text/plain", Location="http://127.0.0.1:1/"))) as wire:
        kube = wire.kube(token="secret-token")
        with pytest.raises(Unreachable, match="HTTP 302"):
            await kube.get(CONFIG_MAPS, "shop", "web")
        await kube.close()


async def test_a_read_is_tried_again_after_a_reset_in_mid_body():
    whole = response(200, a_config_map(a="b"))
    cut = [whole[:-5], whole]

    async def script(_asked, writer):
        writer.write(cut.pop(0))
        if cut:
            await writer.drain()
            writer.transport.abort()

    async with serving(script) as wire:
        kube = wire.kube()
        assert (await kube.get(CONFIG_MAPS, "shop", "web"))["data"] == {"a": "b"}
        await kube.close()
    assert len(wire.asked) == 2


async def test_a_write_whose_answer_is_lost_is_not_sent_again():
    async def script(_asked, writer):
        writer.transport.abort()

    async with serving(script) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable):
            await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        assert len(wire.asked) == 1
        with pytest.raises(Unreachable):
            await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse", dry_run=True)
        assert len(wire.asked) == 1 + kube_http.TRIES
        await kube.close()


async def test_a_write_refused_as_too_many_is_sent_again_under_its_guard():
    too_many = response(429, status(429, "TooManyRequests"), Retry_After="1")
    calls = []
    async with serving(answering(too_many, response(200, a_config_map()))) as wire:
        kube = wire.kube()
        await kube.fenced(lambda: calls.append("asked")).apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        await kube.close()
    assert calls == ["asked", "asked"]
    assert len(wire.asked) == 2


async def test_a_guard_that_raises_stops_a_write_unsent_and_lets_reads_pass():
    def guard():
        raise LostClaim("the lease is gone")

    async with serving(answering(response(200, a_config_map()))) as wire:
        kube = wire.kube()
        fenced = kube.fenced(guard)
        assert await fenced.get(CONFIG_MAPS, "shop", "web")
        for write in (
            fenced.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse"),
            fenced.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN),
            fenced.patch_json(CONFIG_MAPS, "shop", "web", [], manager="pilothouse"),
        ):
            with pytest.raises(LostClaim):
                await write
        await kube.close()
    assert [asked.method for asked in wire.asked] == ["GET"]


def test_the_back_off_never_comes_before_what_the_server_asked_for():
    busy = Overloaded("busy", status=429, retry_after_s=3)
    assert retry_after(busy, tries=1, safe=False, roll=0.5) == 3.5
    assert retry_after(Overloaded("busy", status=503), tries=1, safe=False, roll=1) is None
    assert retry_after(Overloaded("busy", status=429, retry_after_s=60), tries=1, safe=True, roll=1) is None
    delays = [retry_after(Unreachable("gone"), tries=tries, safe=True, roll=1) for tries in (1, 2, 3, 4)]
    assert delays == [pytest.approx(0.2), pytest.approx(0.8), pytest.approx(3.2), None]


async def test_a_refused_connection_is_unreachable_and_says_where():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        kube = Kube.at(ClusterCredentials(f"http://127.0.0.1:{taken.getsockname()[1]}", token="secret-token"))
        with pytest.raises(Unreachable, match="GET /version") as caught:
            await kube.version()
        await kube.close()
    assert "secret-token" not in str(caught.value)


async def test_a_silent_server_is_unreachable_after_the_time_limit():
    async def script(_asked, _writer):
        await asyncio.Event().wait()

    async with serving(script) as wire:
        kube = wire.kube()
        with pytest.raises(Unreachable, match="no answer in time"):
            await kube.request("POST", "/x", body={}, timeout_s=0.05)
        await kube.close()


def test_every_exception_of_aiohttps_client_has_its_error():
    server_side = (web.HTTPException, aiohttp.WebSocketError, aiohttp.WSMessageTypeError, aiohttp.EofStream)

    def raised_by(module: ModuleType):
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Exception) and not issubclass(value, Warning):
                yield value

    for module in (aiohttp, client_exceptions, http_exceptions):
        for kind in raised_by(module):
            assert issubclass(kind, FOREIGN) or issubclass(kind, server_side), f"{kind} is in no line of BY_EXCEPTION"
    assert all(issubclass(ours, KubeError) for _, ours in BY_EXCEPTION)


async def test_requests_take_turns_and_watches_do_not_use_the_turns_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kube_http, "CONNECTIONS", 2)
    busy, most, release = 0, 0, asyncio.Event()

    async def script(asked, writer):
        nonlocal busy, most
        if "watch" in asked.query:
            writer.write(stream_head())
            return
        busy, most = busy + 1, max(most, busy + 1)
        if busy == 2:
            release.set()
        await release.wait()
        await asyncio.sleep(0)
        busy -= 1
        writer.write(response(200, a_config_map()))

    async with serving(script) as wire, asyncio.timeout(10):
        kube = wire.kube()
        watches = [kube.watch(CONFIG_MAPS, resource_version="1") for _ in range(3)]
        waiting = [asyncio.ensure_future(anext(watch)) for watch in watches]
        while len(wire.asked) < 3:
            await asyncio.sleep(0.01)
        found = await asyncio.gather(*(kube.get(CONFIG_MAPS, "shop", "web") for _ in range(10)))
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await kube.close()
    assert len(found) == 10
    assert most == 2


async def test_a_proxys_password_goes_to_the_proxy_and_into_no_error():
    async with serving(answering(response(407, b"no", "text/plain"))) as proxy:
        kube = Kube.at(ClusterCredentials("https://10.0.0.1", proxy_url=proxy.url.replace("//", "//me:hunter2@")))
        with pytest.raises(Unreachable) as caught:
            await kube.version()
        await kube.close()
    assert proxy.asked[0].method == "CONNECT"
    assert proxy.asked[0].headers["proxy-authorization"] == "Basic bWU6aHVudGVyMg=="
    assert "hunter2" not in str(caught.value)


async def test_a_user_name_and_password_are_sent_as_basic_authorization():
    async with serving(answering(response(200, {"gitVersion": "v1.36.3"}))) as wire:
        kube = wire.kube(username="me", password="open sesame")
        await kube.version()
        await kube.close()
    assert wire.asked[0].headers["authorization"] == "Basic bWU6b3BlbiBzZXNhbWU="


async def test_apply_sends_what_server_side_apply_needs_and_returns_warnings():
    answer = response(201, a_config_map(), Warning='299 - "unknown field \\"spec.foo\\""')
    async with serving(answering(answer)) as wire:
        kube = wire.kube(token="t0k")
        given = await kube.apply(a_config_map(a="1"), CONFIG_MAPS, manager="pilothouse", dry_run=True, strict=False)
        await kube.close()
    assert given.status == 201
    assert given.warnings == ('unknown field "spec.foo"',)
    (asked,) = wire.asked
    assert asked.query == {"fieldManager": "pilothouse", "force": "true", "fieldValidation": "Ignore", "dryRun": "All"}
    assert asked.headers["content-type"] == "application/apply-patch+yaml"
    assert asked.headers["authorization"] == "Bearer t0k"
    assert asked.body == a_config_map(a="1")


async def test_apply_speaks_the_version_the_body_names():
    body = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    async with serving(answering(response(200, body))) as wire:
        kube = wire.kube()
        await kube.apply(body, DEPLOYMENTS, manager="pilothouse")
        await kube.close()
    assert wire.asked[0].path == "/apis/apps/v1beta1/namespaces/shop/deployments/web"
    assert wire.asked[0].query["fieldValidation"] == "Strict"


async def test_delete_sends_its_preconditions_and_takes_absence_as_done():
    gone = response(404, status(404, "NotFound", "not found"))
    async with serving(answering(response(200, a_config_map()), gone)) as wire:
        kube = wire.kube()
        assert await kube.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN, dry_run=True)
        assert await kube.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN) is None
        await kube.close()
    assert wire.asked[0].body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u-1", "resourceVersion": "7"},
        "propagationPolicy": "Foreground",
        "dryRun": ["All"],
    }
    assert "dryRun" not in wire.asked[1].body


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../secrets/x", "a%2fb"])
async def test_a_name_that_would_address_something_else_is_refused_unsent(name):
    async with serving(answering(response(200, {}))) as wire:
        kube = wire.kube()
        with pytest.raises(Refused, match="is not allowed"):
            await kube.delete(CONFIG_MAPS, "shop", name, preconditions=Preconditions())
        with pytest.raises(Refused):
            await kube.get(NAMESPACES, None, name)
        if name:
            with pytest.raises(Refused):
                await kube.get(CONFIG_MAPS, name, "web")
        await kube.close()
    assert wire.asked == []


async def test_a_namespaced_object_without_a_namespace_is_refused_unsent():
    async with serving(answering(response(200, {}))) as wire:
        kube = wire.kube()
        with pytest.raises(Refused, match="has no namespace"):
            await kube.delete(CONFIG_MAPS, None, "web", preconditions=Preconditions())
        await kube.close()
    assert wire.asked == []


async def test_a_list_follows_its_pages_and_begins_anew_when_the_token_expires():
    def page(name, token=""):
        return response(
            200,
            {
                "kind": "ConfigMapList",
                "metadata": {"resourceVersion": "9", "continue": token},
                "items": [{"metadata": {"name": name}}],
            },
        )

    pages = [page("a", "t1"), response(410, status(410, "Expired", "too old")), page("a", "t2"), page("b")]
    async with serving(answering(*pages)) as wire:
        kube = wire.kube()
        listing = await kube.list(CONFIG_MAPS, label_selector="app=web")
        await kube.close()
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {("v1", "ConfigMap")}
    assert listing.resource_version == "9"
    assert [asked.query.get("continue") for asked in wire.asked] == [None, "t1", None, "t2"]
    assert wire.asked[0].query == {"labelSelector": "app=web", "limit": "500"}


async def test_a_large_list_comes_out_as_a_small_one_would():
    items = [{"metadata": {"name": f"cm-{number}"}, "data": {"text": "é" * 3000}} for number in range(300)]
    body = {"kind": "ConfigMapList", "metadata": {"resourceVersion": "5"}, "items": items}
    async with serving(answering(response(200, body))) as wire:
        kube = wire.kube()
        listing = await kube.list(CONFIG_MAPS)
        await kube.close()
    assert [item["data"] for item in listing.items] == [item["data"] for item in items]


async def test_metadata_only_asks_for_it_and_names_the_real_kind():
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "web"}}
    async with serving(answering(response(200, partial))) as wire:
        kube = wire.kube()
        found = await kube.get(DEPLOYMENTS, "shop", "web", metadata_only=True)
        await kube.close()
    assert found == {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    assert "as=PartialObjectMetadata;" in wire.asked[0].headers["accept"]


async def test_a_failed_test_of_a_json_patch_is_a_conflict():
    words = "the server rejected our request due to an error in our request"
    invalid = response(422, status(422, "Invalid", 'ConfigMap "web" is invalid: data[b c]: Invalid value: "b c"'))
    failed = response(422, status(422, "Invalid", words))
    async with serving(answering(invalid, failed)) as wire:
        kube = wire.kube()
        with pytest.raises(Refused):
            await kube.patch_json(CONFIG_MAPS, "shop", "web", [{"op": "test", "path": "/x", "value": 1}], manager="m")
        with pytest.raises(Conflict):
            await kube.patch_json(CONFIG_MAPS, "shop", "web", [{"op": "test", "path": "/x", "value": 1}], manager="m")
        with pytest.raises(Refused):
            await kube.patch_json(CONFIG_MAPS, "shop", "web", [{"op": "remove", "path": "/x"}], manager="m")
        await kube.close()


async def test_what_the_server_quotes_of_a_secret_stays_out_of_the_error():
    words = 'Secret "web" is invalid: data[key]: Invalid value: "hunter2": not base64'
    typed = (
        "failed to create typed patch object (shop/web; /v1, Kind=Secret): "
        '.data.key: expected string, got &value.valueUnstructured{Value:"hunter2"}'
    )
    async with serving(
        answering(response(422, status(422, "Invalid", words)), response(500, status(500, "", typed)))
    ) as wire:
        kube = wire.kube()
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                await kube.apply({**a_config_map(key="hunter2"), "kind": "Secret"}, SECRETS, manager="pilothouse")
            assert "hunter2" not in str(caught.value)
            assert "web" in str(caught.value)
        await kube.close()


async def test_a_body_that_is_no_json_is_refused_without_quoting_it():
    async with serving(answering(response(200, {}))) as wire:
        kube = wire.kube()
        with pytest.raises(Refused, match="can't be written as JSON"):
            await kube.apply(a_config_map(number=2**70, password="hunter2"), CONFIG_MAPS, manager="pilothouse")
        await kube.close()
    assert wire.asked == []
