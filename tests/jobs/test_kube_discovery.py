"""Discovery over the wire: how many requests, how long it is believed, and servers that know only the old form."""

import asyncio

import pytest

from jobs import kube_http
from jobs.core.errors import NotFound, Unreachable
from tests.jobs.wire import response, serving, status


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch):
    """Retries have their own tests; here they would only cost time."""
    monkeypatch.setattr(kube_http, "TRIES", 1)


AGGREGATED = {
    "kind": "APIGroupDiscoveryList",
    "items": [
        {
            "metadata": {"name": "apps"},
            "versions": [
                {
                    "version": "v1",
                    "freshness": "Current",
                    "resources": [
                        {
                            "resource": "deployments",
                            "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                            "scope": "Namespaced",
                            "verbs": ["get"],
                        }
                    ],
                }
            ],
        },
        {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale"}]},
    ],
}
NO_CORE = {"kind": "APIGroupDiscoveryList", "items": []}


async def test_discovery_is_two_requests_and_is_remembered():
    async def script(asked, writer):
        writer.write(response(200, NO_CORE if asked.path == "/api" else AGGREGATED))

    async with serving(script) as wire:
        kube = wire.kube()
        first = await asyncio.gather(*(kube.api_resource("apps", "Deployment") for _ in range(5)))
        assert {found.plural for found in first} == {"deployments"}
        assert len(wire.asked) == 2
        kube.invalidate()
        await kube.discovery()
        assert len(wire.asked) == 4
        with pytest.raises(NotFound, match="the cluster has no kind Gadget in group apps"):
            await kube.api_resource("apps", "Gadget")
        with pytest.raises(Unreachable, match=r"metrics\.k8s\.io does not answer"):
            await kube.api_resource("metrics.k8s.io", "PodMetrics")
        await kube.close()


async def test_discovery_of_an_older_server_goes_group_by_group():
    plain = {
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {
            "kind": "APIGroupList",
            "groups": [
                {
                    "name": "apps",
                    "versions": [{"version": "v1beta1"}, {"version": "v1"}],
                    "preferredVersion": {"version": "v1"},
                },
                {"name": "dead.example.com", "versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}},
            ],
        },
        "/api/v1": {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True, "verbs": ["get"]}]},
        "/apis/apps/v1": {
            "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": []}]
        },
        "/apis/apps/v1beta1": {
            "resources": [{"name": "deployments", "kind": "Deployment", "namespaced": True, "verbs": []}]
        },
    }

    async def script(asked, writer):
        found = plain.get(asked.path)
        writer.write(response(200, found) if found else response(503, status(503, "ServiceUnavailable")))

    async with serving(script) as wire:
        kube = wire.kube()
        discovery = await kube.discovery()
        await kube.close()
    deployment = discovery.find("apps", "Deployment")
    assert deployment is not None
    assert deployment.versions == ("v1", "v1beta1")
    assert discovery.stale == ("dead.example.com/v1",)
