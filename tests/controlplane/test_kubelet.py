"""The fake kubelet goes on after what a real API server does to watchers."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from tests.controlplane.kubelet import Kubelet

GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}


class ForgetfulServer:
    """An API server whose every watch ends with 410, and whose first list fails; it counts what it is asked."""

    def __init__(self) -> None:
        self.lists = 0
        self.bound: list[str] = []
        self.done = asyncio.Event()

    def pod(self) -> dict[str, object]:
        meta = {
            "name": f"web-{self.lists}",
            "namespace": "shop",
            "uid": f"0000000{self.lists}-0",
            "resourceVersion": "1",
        }
        return {"metadata": meta, "spec": {"containers": []}, "status": {"phase": "Pending"}}

    async def pods(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return web.Response(body=json.dumps(GONE).encode() + b"\n")
        self.lists += 1
        if self.lists == 1:
            return web.Response(status=503)
        return web.json_response({"metadata": {"resourceVersion": "1"}, "items": [self.pod()]})

    async def bind(self, request: web.Request) -> web.Response:
        self.bound.append(request.match_info["name"])
        if len(self.bound) == 1:
            return web.Response(status=500)  # asked again, without any new event
        if self.lists >= 3:
            self.done.set()
        return web.json_response({}, status=201)

    async def node(self, _: web.Request) -> web.Response:
        return web.json_response({}, status=409)


@pytest.fixture
async def server() -> AsyncIterator[tuple[ForgetfulServer, BaseTestServer]]:
    forgetful = ForgetfulServer()
    web_app = web.Application()
    web_app.router.add_get("/api/v1/pods", forgetful.pods)
    web_app.router.add_post("/api/v1/namespaces/shop/pods/{name}/binding", forgetful.bind)
    web_app.router.add_post("/api/v1/nodes", forgetful.node)
    web_app.router.add_patch("/api/v1/nodes/{name}/status", forgetful.node)
    async with TestServer(web_app) as test_server:
        yield forgetful, test_server


async def test_an_expired_watch_and_failed_requests_only_cost_time(
    server: tuple[ForgetfulServer, BaseTestServer],
) -> None:
    forgetful, test_server = server
    async with aiohttp.ClientSession(test_server.make_url("/")) as session:
        playing = asyncio.create_task(Kubelet(session).run())
        try:
            async with asyncio.timeout(20):
                await forgetful.done.wait()
        finally:
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)
    assert forgetful.bound.count("web-2") >= 2
    assert "web-3" in forgetful.bound
