"""The sums of jobs/core/costs.py against what is really asked: every request to the API server is counted."""

from typing import Any

import pytest

from jobs.core.costs import Fleet, compared, healed, pushed
from jobs.kube_http import Http
from tests.e2e.harness import Flow
from tests.e2e.objects import config_map, docs, service, text

ONE = Fleet(applications=1, objects=3, kinds=3, repositories=1)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Method and path of every request, but for the few that home reads cost: the tests read those each time."""
    asked: list[str] = []
    plain = Http.request

    async def counting(self: Http, method: str, path: str, *given: Any, **options: Any) -> Any:
        if not any(
            part in path for part in ("/secrets", "/appprojects/", "configmaps/argocd", "configmaps/pilothouse")
        ):
            asked.append(f"{method} {path}")
        return await plain(self, method, path, *given, **options)

    monkeypatch.setattr(Http, "request", counting)
    return asked


def an_app(colour: str) -> dict[str, str]:
    secret = text("v1", "ServiceAccount", "web")
    return {"app/web.yaml": docs(config_map(colour=colour), service(), secret)}


async def deployed(flow: Flow, requests: list[str]) -> None:
    flow.repo.push(an_app("blue"))
    await flow.deploy()
    await flow.sweep()
    requests.clear()


async def settled(flow: Flow, requests: list[str]) -> list[str]:
    """The requests, Events included, which are sent beside the run."""
    await flow.settle()
    await flow.parts.events.close()
    return requests


async def test_a_comparison_in_which_nothing_moved(flow: Flow, requests: list[str]) -> None:
    await deployed(flow, requests)
    await flow.sweep(settle=False)
    found = await settled(flow, requests)
    assert len(found) == compared(ONE, 0), found


async def test_a_push_that_changes_one_object(flow: Flow, requests: list[str]) -> None:
    await deployed(flow, requests)
    await flow.push(an_app("red"))
    found = await settled(flow, requests)
    assert len(found) == pushed(ONE, 1, waits=0), found


async def test_a_heal_of_one_object(flow: Flow, requests: list[str]) -> None:
    await deployed(flow, requests)
    await flow.patch("ConfigMap", "web", {"data": {"colour": "green"}}, manager="somebody")
    await flow.sweep(settle=False)
    found = await settled(flow, requests)
    assert len(found) == healed(ONE, 1), found
