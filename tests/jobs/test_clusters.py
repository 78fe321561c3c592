"""From a destination to a client, by cluster Secrets."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.sandbox import Sandbox
from jobs.clusters import CONFIG_MAPS, SECRETS, Clusters, Home, Reached
from jobs.core.application import IN_CLUSTER, Destination
from jobs.core.cluster_secret import HOME_CLUSTER, ClusterCredentials
from jobs.core.errors import InvalidSpecError, UnknownCluster
from jobs.kube import Kube

FAR = "https://far.example.org"
GONE = "http://127.0.0.1:1"


def a_cluster(name: str = "far", server: str = FAR, token: str = "t-1", **more: str) -> dict[str, Any]:
    data = {"name": name, "server": server, "config": json.dumps({"bearerToken": token}), **more}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"cluster-{name}",
            "namespace": "default",
            "labels": {"argocd.argoproj.io/secret-type": "cluster"},
        },
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


class GivenSecrets(Home):
    """Secrets handed in by the test."""

    def __init__(self, *bodies: dict[str, Any]) -> None:
        self.bodies = bodies

    async def of_type(self, kind: str) -> tuple[dict[str, Any], ...]:
        """All of them."""
        assert kind == "cluster"
        return self.bodies


@pytest.fixture
async def home() -> AsyncIterator[Kube]:
    client = Kube.at(ClusterCredentials("https://home.example.org"))
    yield client
    await client.close()


@pytest.fixture
async def clusters(home: Kube) -> AsyncIterator[Clusters]:
    found = Clusters(home, GivenSecrets(a_cluster()))
    yield found
    await found.close()


def to(server: str = "", name: str = "") -> Destination:
    return Destination(server, name, "shop")


@pytest.mark.parametrize("destination", [to("https://kubernetes.default.svc"), to(name="in-cluster")])
async def test_the_cluster_pilothouse_runs_in_needs_no_secret(
    clusters: Clusters, home: Kube, destination: Destination
) -> None:
    assert await clusters.at(destination, "default") == Reached(HOME_CLUSTER, home)


async def test_a_cluster_is_found_by_server_or_name_and_opened_once(clusters: Clusters) -> None:
    found = await clusters.at(to(FAR), "default")
    assert found.kube.server == found.cluster.server == FAR
    assert (await clusters.at(to(name="far"), "default")).kube is found.kube


@pytest.mark.parametrize("name", ["in-cluster", "here"])
async def test_a_secret_may_say_more_of_the_home_cluster(home: Kube, name: str) -> None:
    bare = a_cluster(name, IN_CLUSTER, "", namespaces="shop")
    clusters = Clusters(home, GivenSecrets(bare))
    for destination in (to(IN_CLUSTER), to(name="in-cluster")):
        found = await clusters.at(destination, "default")
        assert (found.cluster.name, found.cluster.scope.namespaces, found.kube) == (name, ("shop",), home)


async def test_a_secret_may_say_that_its_cluster_is_left_alone(home: Kube) -> None:
    secret = a_cluster()
    secret["metadata"]["annotations"] = {"argocd.argoproj.io/skip-reconcile": "true"}
    clusters = Clusters(home, GivenSecrets(secret))
    assert [await clusters.skips(to(name=name)) for name in ("far", "in-cluster", "unknown")] == [True, False, False]


async def test_a_cluster_is_felt_once_it_was_asked(home: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Sandbox.serve(port=0) as sandbox:
        secrets = GivenSecrets(a_cluster(server=sandbox.url, token=sandbox.admin_token), a_cluster("gone", GONE))
        clusters = Clusters(home, secrets)
        assert [*clusters.felt()] == []
        assert await clusters.answers(to(name="far"))
        monkeypatch.setattr("jobs.clusters.ANSWER_S", 0.1)
        assert not await clusters.answers(to(name="gone"))
        assert not await clusters.answers(to(name="unknown"))
        assert await clusters.answers(to(name="in-cluster")), "it is not asked"
        assert {*clusters.felt()} == {(frozenset({"far", sandbox.url}), True), (frozenset({"gone", GONE}), False)}
        await clusters.close()


async def test_another_account_at_home_has_its_own_connection(home: Kube) -> None:
    clusters = Clusters(home, GivenSecrets(a_cluster("here", IN_CLUSTER)))
    found = await clusters.at(to(name="in-cluster"), "default")
    assert found.kube is not home
    assert found.kube.server == IN_CLUSTER
    await clusters.close()


async def test_a_secret_that_changed_opens_the_cluster_again(home: Kube) -> None:
    secrets = GivenSecrets(a_cluster())
    clusters = Clusters(home, secrets)
    before = (await clusters.at(to(FAR), "default")).kube
    secrets.bodies = (a_cluster(token="t-2"),)
    assert (await clusters.at(to(FAR), "default")).kube is not before
    await clusters.close()


async def test_two_accounts_of_one_server_do_not_take_each_others_connection(home: Kube) -> None:
    clusters = Clusters(home, GivenSecrets(a_cluster("one"), a_cluster("two", token="t-2")))
    one = (await clusters.at(to(name="one"), "default")).kube
    two = (await clusters.at(to(name="two"), "default")).kube
    assert one is not two
    assert (await clusters.at(to(name="one"), "default")).kube is one
    await clusters.close()


@pytest.mark.parametrize(
    ("secret", "destination", "said"),
    [
        (a_cluster(), to("https://other.example.org"), "no cluster is known as https://other.example.org"),
        (a_cluster(project="shop"), to(FAR), "cluster far is reserved for project shop"),
        (a_cluster(config="{"), to(FAR), "cluster Secret cluster-far: config is not JSON"),
        (a_cluster("here", IN_CLUSTER, config="{"), to(IN_CLUSTER), "cluster Secret cluster-here: config is not JSON"),
        ({"metadata": {"name": "cluster-far"}, "data": {"server": "%"}}, to(FAR), "no cluster is known as"),
    ],
)
async def test_a_destination_that_may_not_be_used_says_why(
    home: Kube, secret: dict[str, Any], destination: Destination, said: str
) -> None:
    clusters = Clusters(home, GivenSecrets(secret))
    with pytest.raises(InvalidSpecError) as caught:
        await clusters.at(destination, "default")
    assert said in caught.value.message
    assert "t-1" not in caught.value.message


@pytest.mark.parametrize(("broken", "gone"), [(False, True), (True, False)])
async def test_a_cluster_is_only_taken_for_gone_when_every_secret_could_be_read(
    home: Kube, broken: bool, gone: bool
) -> None:
    """Whoever deletes an Application lets its objects be for it."""
    clusters = Clusters(home, GivenSecrets(a_cluster("other", config="{") if broken else a_cluster("other")))
    with pytest.raises(InvalidSpecError) as caught:
        await clusters.at(to(name="gone"), "default")
    assert isinstance(caught.value, UnknownCluster) is gone


async def test_secrets_and_config_maps_are_read_from_the_home_namespace_by_their_label() -> None:
    async with Sandbox.serve(port=0) as sandbox:
        kube = Kube.at(ClusterCredentials(sandbox.url, token=sandbox.admin_token))
        await kube.create(a_cluster(), SECRETS, manager="somebody")
        other = a_cluster("other")
        other["metadata"]["labels"] = {}
        await kube.create(other, SECRETS, manager="somebody")
        hosts = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "hosts", "namespace": "default"},
            "data": {"a": "b"},
        }
        await kube.create(hosts, CONFIG_MAPS, manager="somebody")
        secrets = Home(kube, "default")
        assert [item["metadata"]["name"] for item in await secrets.of_type("cluster")] == ["cluster-far"]
        assert await secrets.config_map("hosts") == {"a": "b"}
        assert await secrets.config_map("nobody") == {}
        await kube.close()
