"""Discovery and OpenAPI: what an API server says it has."""

from typing import Any

from tests.contract.api import Api

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


async def aggregated(api: Api, path: str) -> dict[str, Any]:
    answer = await api("GET", path, headers={"Accept": AGGREGATED})
    assert answer.status == 200
    assert answer.headers["Content-Type"].replace(" ", "") == AGGREGATED
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")
    return {item["metadata"].get("name", ""): item["versions"] for item in answer.body["items"]}


async def test_the_version_is_1_36(api: Api) -> None:
    version = await api.get("/version")
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "36", "v1.36.3")


async def test_the_old_form_lists_versions_groups_and_resources(api: Api) -> None:
    assert (await api.get("/api"))["versions"] == ["v1"]
    groups = {group["name"]: group for group in (await api.get("/apis"))["groups"]}
    assert {"apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io", "apiextensions.k8s.io"} <= groups.keys()
    assert groups["apps"]["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    listed = await api.get("/apis/apps/v1")
    assert (listed["kind"], listed["groupVersion"]) == ("APIResourceList", "apps/v1")
    rows = {row["name"]: row for row in listed["resources"]}
    assert rows["deployments"]["shortNames"] == ["deploy"]
    assert rows["deployments"]["namespaced"] is True
    assert rows["deployments/scale"]["kind"] == "Scale"
    assert rows["deployments/status"]["verbs"] == ["get", "patch", "update"]


async def test_aggregated_discovery_tells_scope_kind_verbs_and_subresources(api: Api) -> None:
    (apps,) = (await aggregated(api, "/apis"))["apps"]
    assert (apps["version"], apps["freshness"]) == ("v1", "Current")
    (deployments,) = [row for row in apps["resources"] if row["resource"] == "deployments"]
    own_group = {"group": "", "version": ""}
    assert deployments["responseKind"] == {**own_group, "kind": "Deployment"}
    assert (deployments["scope"], deployments["singularResource"]) == ("Namespaced", "deployment")
    assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} == set(
        deployments["verbs"]
    )
    assert {sub["subresource"] for sub in deployments["subresources"]} == {"scale", "status"}


async def test_aggregated_discovery_of_the_core_group_has_no_name(api: Api) -> None:
    (core,) = (await aggregated(api, "/api"))[""]
    rows = {row["resource"]: row for row in core["resources"]}
    assert rows["namespaces"]["scope"] == "Cluster"
    assert rows["configmaps"]["scope"] == "Namespaced"


async def test_an_unknown_group_is_404(api: Api) -> None:
    assert (await api("GET", "/apis/no.such.group/v1")).status == 404
    assert (await api("GET", f"/apis/apps/v1/namespaces/{api.namespace}/nothings")).status == 404


async def test_open_api_has_a_document_for_each_group_version(api: Api) -> None:
    index = await api.get("/openapi/v3")
    path = index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    assert path.startswith("/openapi/v3/apis/apps/v1?hash=")
    schemas = (await api.get(path.partition("?")[0]))["components"]["schemas"]
    deployment = schemas["io.k8s.api.apps.v1.Deployment"]
    assert {"group": "apps", "kind": "Deployment", "version": "v1"} in deployment["x-kubernetes-group-version-kind"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
