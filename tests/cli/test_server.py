import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from deploy.cli.server import Failure, Server, segment


@asynccontextmanager
async def answering(
    body: str, status: int = 200, tls: ssl.SSLContext | None = None, **headers: str
) -> AsyncIterator[str]:
    """A server that always answers this; yields its address."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=body, status=status, headers=headers)

    web_app = web.Application()
    web_app.router.add_route("*", "/{tail:.*}", answer)
    server = TestServer(web_app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    yield str(server.make_url(""))
    await server.close()


async def failure(url: str) -> Failure:
    with pytest.raises(Failure) as raised:
        await asyncio.to_thread(Server(url, "planted").get, "/x")
    assert "planted" not in str(raised.value)
    return raised.value


async def test_a_redirect_is_not_followed_since_the_token_would_go_along() -> None:
    async with answering("{}") as elsewhere, answering("", 302, Location=elsewhere) as url:
        assert (await failure(url)).code == 3


async def test_an_answer_that_is_no_json_is_said() -> None:
    async with answering("<html>") as url:
        assert "JSON" in str(await failure(url))
    async with answering("<html>", 502) as url:
        assert "502" in str(await failure(url))


async def test_a_certificate_nobody_vouches_for_is_refused() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    async with answering("{}", tls=context) as url:
        found = await failure(url)
    assert found.code == 4
    assert "SSL_CERT_FILE" in str(found)


def test_a_name_is_one_part_of_the_path() -> None:
    assert segment("../x?y") == "..%2Fx%3Fy"


def test_the_token_is_not_shown() -> None:
    assert "planted" not in repr(Server("http://x", "planted"))
