"""What paths mean."""

import pytest

from deploy.sandbox.errors import ApiError
from deploy.sandbox.routes import Place, place, resolve
from tests.sandbox.nodes import catalogue


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", Place("list", "", "v1", "pods")),
        ("GET", "/api/v1/namespaces/n/pods", Place("list", "", "v1", "pods", "n")),
        ("POST", "/api/v1/namespaces/n/pods", Place("create", "", "v1", "pods", "n")),
        ("DELETE", "/api/v1/namespaces/n/pods", Place("deletecollection", "", "v1", "pods", "n")),
        ("GET", "/api/v1/namespaces/n", Place("get", "", "v1", "namespaces", "", "n")),
        ("PUT", "/api/v1/namespaces/n/finalize", Place("update", "", "v1", "namespaces", "", "n", "finalize")),
        ("PATCH", "/apis/apps/v1/namespaces/n/deployments/d/status",
            Place("patch", "apps", "v1", "deployments", "n", "d", "status")),
        ("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterroles/r",
            Place("delete", "rbac.authorization.k8s.io", "v1", "clusterroles", "", "r")),
    ],
)  # fmt: skip
def test_a_path_is_a_place(method: str, path: str, expected: Place) -> None:
    assert place(method, path, watch=False) == expected
    assert resolve(catalogue(), expected).target.resource.plural == expected.plural


def test_a_watch_is_a_verb_of_its_own() -> None:
    assert place("GET", "/api/v1/pods", watch=True).verb == "watch"
    assert place("GET", "/api/v1/namespaces/n/pods/p", watch=True).verb == "get"


def test_a_namespace_is_in_itself_for_rbac() -> None:
    action = place("GET", "/api/v1/namespaces/n", watch=False).action()
    assert (action.namespace, action.name) == ("n", "n")


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/apis/apps",
        "/apis/apps/v1",
        "/api/v1/a/b/c/d",
        "/api/v2/pods",
        "/api/v1/nothings",
        "/api/v1/pods/p",
        "/api/v1/namespaces/n/nodes",
        "/api/v1/namespaces/n/pods/p/nothing",
    ],
)
def test_where_nothing_is_404(path: str) -> None:
    with pytest.raises(ApiError) as caught:
        resolve(catalogue(), place("GET", path, watch=False))
    assert caught.value.code == 404
