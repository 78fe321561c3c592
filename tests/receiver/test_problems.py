from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from jobs.core.errors import Conflict, Gone, KubeError, NotFound, Overloaded, Refused, Unreachable
from jobs.enqueue import QueueDown
from receiver import errors
from receiver.errors import ReceiverError
from receiver.metrics import Metrics
from receiver.problems import middleware, refusal_of

REFUSALS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReceiverError)]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("planted"), 404),
        (Conflict("planted"), 409),
        (Gone("planted"), 410),
        (Overloaded("planted"), 503),
        (Unreachable("planted"), 503),
        (QueueDown("planted"), 503),
        (TimeoutError("planted"), 504),
        (Refused("planted", status=403), 503),
    ],
)
def test_an_expected_error_has_its_status_and_a_sentence_of_our_own(error: Exception, status: int) -> None:
    refusal = refusal_of(error)
    assert refusal
    assert refusal.status == status
    assert "planted" not in refusal.detail


@pytest.mark.parametrize("kind", KubeError.__subclasses__())
def test_every_error_of_the_driver_has_an_answer(kind: type[KubeError]) -> None:
    assert refusal_of(kind("x"))


@pytest.mark.parametrize("status", [400, 422])
def test_what_the_api_server_refuses_for_its_content_is_told_to_who_asked(status: int) -> None:
    refusal = refusal_of(Refused("spec.x is wrong " + "y" * 5_000, status=status))
    assert refusal
    assert refusal.status == 400
    assert "spec.x is wrong" in refusal.detail
    assert len(refusal.detail) < 500


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_refusal_has_a_status_a_title_and_a_word_for_the_metrics(kind: type[ReceiverError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.outcome.replace("_", "").isalpha()


async def test_a_bug_is_500_and_its_text_stays_in_the_log(logged: list[Any]) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise RuntimeError("planted")

    web_app = web.Application(middlewares=[middleware(Metrics())])
    web_app.router.add_get("/x", broken)
    async with TestClient(TestServer(web_app)) as client, client.get("/x") as response:
        assert (response.status, response.content_type) == (500, "application/problem+json")
        assert "planted" not in await response.text()
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert [line["event"] for line in logged] == ["request failed"]
