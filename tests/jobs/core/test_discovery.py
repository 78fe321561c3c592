"""What a server serves, from both forms of its discovery, and the paths that follow."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.discovery import ApiResource, Discovery, aggregated, combined, group_versions_of, with_resources
from jobs.core.errors import Refused


def a_resource(
    plural: str, kind: str | None, scope: str = "Namespaced", subresources: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"group": "", "version": "", "kind": kind} if kind else None,
        "scope": scope,
        "verbs": ["get", "list"],
        "subresources": [{"subresource": part.lower(), "responseKind": {"kind": part}} for part in subresources],
    }


def a_version(version: str, *resources: dict[str, Any], freshness: str = "Current") -> dict[str, Any]:
    return {"version": version, "freshness": freshness, "resources": list(resources)}


def a_group(name: str, *versions: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name} if name else {}, "versions": list(versions)}


def discovered() -> Discovery:
    core = a_group("", a_version("v1", a_resource("namespaces", "Namespace", "Cluster"), a_resource("pods", "Pod")))
    autoscaling = a_group(
        "autoscaling",
        a_version("v2", a_resource("horizontalpodautoscalers", "HorizontalPodAutoscaler")),
        a_version("v1", a_resource("horizontalpodautoscalers", "HorizontalPodAutoscaler"), a_resource("olds", "Old")),
    )
    apps = a_group("apps", a_version("v1", a_resource("deployments", "Deployment", subresources=("Scale",))))
    dead = a_group("metrics.k8s.io", a_version("v1beta1", freshness="Stale"))
    only_sub = a_group("odd.example.com", a_version("v1", a_resource("shells", None, subresources=("Exec",))))
    return aggregated({"items": [core]}, {"items": [autoscaling, apps, dead, only_sub]})


def test_the_servers_first_version_is_the_preferred_one():
    found = discovered().find("autoscaling", "HorizontalPodAutoscaler")
    assert found is not None
    assert (found.version, found.versions) == ("v2", ("v2", "v1"))
    assert found.api_version == "autoscaling/v2"


def test_a_kind_is_found_in_the_version_asked_for_only_if_that_serves_it():
    discovery = discovered()
    older = discovery.find("autoscaling", "HorizontalPodAutoscaler", "v1")
    assert older is not None
    assert older.path("shop", "web") == "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers/web"
    assert discovery.find("autoscaling", "HorizontalPodAutoscaler", "v2beta2") is None
    assert discovery.find("autoscaling", "Old", "v2") is None
    assert discovery.find("extensions", "Deployment") is None


def test_helm_gets_versions_and_kinds_those_of_subresources_too():
    assert discovered().api_versions == (
        "apps/v1",
        "apps/v1/Deployment",
        "apps/v1/Scale",
        "autoscaling/v1",
        "autoscaling/v1/HorizontalPodAutoscaler",
        "autoscaling/v1/Old",
        "autoscaling/v2",
        "autoscaling/v2/HorizontalPodAutoscaler",
        "metrics.k8s.io/v1beta1",
        "odd.example.com/v1",
        "odd.example.com/v1/Exec",
        "v1",
        "v1/Namespace",
        "v1/Pod",
    )


def test_a_group_whose_server_is_away_is_stale_and_may_hide_kinds():
    discovery = discovered()
    assert discovery.stale == ("metrics.k8s.io/v1beta1",)
    assert not discovery.complete
    assert discovery.may_hide("metrics.k8s.io")
    assert not discovery.may_hide("apps")


def test_a_resource_without_a_kind_of_its_own_is_no_kind():
    assert all(resource.kind for resource in discovered().resources.values())


def test_paths_of_objects_namespaces_and_whole_clusters():
    pod, namespace = discovered().find("", "Pod"), discovered().find("", "Namespace")
    assert pod is not None
    assert namespace is not None
    assert pod.path() == "/api/v1/pods"
    assert pod.path("shop") == "/api/v1/namespaces/shop/pods"
    assert pod.path("shop", "web") == "/api/v1/namespaces/shop/pods/web"
    assert namespace.path("ignored", "shop") == "/api/v1/namespaces/shop"


anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=20) | st.from_regex(
    r"[./%a]{0,4}", fullmatch=True
)


@given(anything, anything)
def test_no_name_reaches_another_object(namespace: str, name: str):
    pods = ApiResource("", "Pod", "v1", ("v1",), "pods", True, frozenset())
    try:
        path = pods.path(namespace, name)
    except Refused:
        return
    parts = path.split("/")
    assert parts[:4] == ["", "api", "v1", "namespaces"]
    assert len(parts) == 7
    assert not {"", ".", ".."} & set(parts[1:])
    assert not set("?#%\\ ") & set(path) - {"%"}


def test_the_older_form_of_discovery_says_the_same():
    groups = {
        "groups": [
            {
                "name": "autoscaling",
                "versions": [{"version": "v1"}, {"version": "v2"}],
                "preferredVersion": {"version": "v2"},
            }
        ]
    }
    listed = group_versions_of({"versions": ["v1"]}, groups)
    assert [where.name for where in listed] == ["v1", "autoscaling/v2", "autoscaling/v1"]
    hpa = {"name": "horizontalpodautoscalers", "kind": "HorizontalPodAutoscaler", "namespaced": True, "verbs": ["get"]}
    status = {**hpa, "name": "horizontalpodautoscalers/status"}
    discovery = combined(
        [
            with_resources(listed[0], {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]}),
            with_resources(listed[1], {"resources": [hpa, status]}),
            with_resources(listed[2], None),
        ]
    )
    found = discovery.find("autoscaling", "HorizontalPodAutoscaler")
    assert found == ApiResource(
        "autoscaling", "HorizontalPodAutoscaler", "v2", ("v2",), "horizontalpodautoscalers", True, frozenset({"get"})
    )
    assert discovery.stale == ("autoscaling/v1",)
