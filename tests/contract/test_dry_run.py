"""Dry runs: the answer is what would be, nothing is stored."""

import pytest

from tests.contract.api import CORE, Api, causes
from tests.contract.manifests import config_map, service

MAPS = (CORE, "configmaps")


async def test_nothing_is_created(api: Api) -> None:
    made = await api("POST", api.path(*MAPS), config_map(data={"k": "v"}), dryRun="All")
    assert made.status == 201
    assert made.body["metadata"]["uid"]
    assert "resourceVersion" not in made.body["metadata"]
    assert (await api("GET", api.path(*MAPS, "a"))).status == 404
    applied = await api.apply(api.path(*MAPS, "a"), config_map(data={"k": "v"}), dryRun="All")
    assert applied.status == 201
    assert (await api("GET", api.path(*MAPS, "a"))).status == 404


async def test_an_apply_shows_its_outcome_at_the_version_it_is_based_on(api: Api) -> None:
    path = api.path("/apis/networking.k8s.io/v1", "networkpolicies", "web")
    identity = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "web"}}
    before = await api.applied(path, {**identity, "spec": {"podSelector": {}}})
    change = {**identity, "spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
    would = await api.applied(path, change, dryRun="All")
    assert would["spec"] == {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress"]}
    assert would["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    assert would["metadata"]["generation"] == before["metadata"]["generation"] + 1
    assert await api.get(path) == before


async def test_put_patch_and_delete_change_nothing(api: Api) -> None:
    made = await api.create(api.path(*MAPS), config_map(data={"k": "v"}))
    path = api.path(*MAPS, "a")
    put = await api("PUT", path, config_map(data={"k": "w"}), dryRun="All")
    patched = await api.patch(path, {"data": {"k": "x"}}, dryRun="All")
    deleted = await api("DELETE", path, {"dryRun": ["All"]})
    assert (put.body["data"], patched.body["data"], deleted.status) == ({"k": "w"}, {"k": "x"}, 200)
    assert await api.get(path) == made


async def test_a_dry_run_refuses_what_the_real_one_would(api: Api) -> None:
    await api.applied(api.path(CORE, "services", "web"), service())
    conflict = await api.apply(api.path(CORE, "services", "web"), service(selector={"a": "b"}), "two", dryRun="All")
    assert conflict.status == 409
    invalid = await api.apply(api.path(CORE, "services", "web"), service(ports=[{"port": 99999}]), dryRun="All")
    assert invalid.status == 422
    lost = await api.apply("/api/v1/namespaces/no-such-namespace/configmaps/a", config_map(), dryRun="All")
    assert lost.status == 404


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_all_is_the_only_dry_run(api: Api, method: str) -> None:
    path = api.path(*MAPS, "a" if method == "PATCH" else "")
    answer = await api(method, path, config_map(), dryRun="Some")
    assert (answer.status, causes(answer)) == (422, {("dryRun", "FieldValueNotSupported")})
