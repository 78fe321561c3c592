"""The CRDs in a real API server: all of Argo CD's fields, nothing else, and what `kubectl get` shows of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import KubeRequest, open_session
from tests.deploy.cluster import APPLICATIONS, apply, copied
from tests.deploy.rendering import CHART, Object, crds

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("crds_installed")]

SAMPLES = Path(__file__).parent / "samples"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
STRICT = {"fieldValidation": "Strict"}


def a_sample(kind: str, namespace: str) -> Object:
    body: Object = yaml.safe_load((SAMPLES / f"{kind}-full.yaml").read_text())
    body["metadata"]["namespace"] = namespace
    return body


def an_application(**spec: Any) -> Object:
    usual = {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": {"repoURL": "https://git.example.com/shop/charts.git", "path": "cart"},
    }
    wanted = {name: value for name, value in {**usual, **spec}.items() if value is not None}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "cart"},
        "spec": wanted,
    }


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", ["application", "appproject"])
async def test_every_field_of_argo_cd_is_kept_as_it_was_written(
    kind: str, kube_request: KubeRequest, namespace: str
) -> None:
    sample = a_sample(kind, namespace)
    path = f"/apis/argoproj.io/v1alpha1/namespaces/{namespace}/{kind}s"
    status, created = await kube_request("POST", path, sample, params=STRICT)
    assert status == 201, created
    for part in ("spec", "operation", "status"):
        assert created.get(part) == sample.get(part)


async def test_a_full_application_can_be_applied_by_the_server(kube_request: KubeRequest, namespace: str) -> None:
    status, answer = await apply(kube_request, a_sample("application", namespace))
    assert status == 201, answer


def leaves(schema: Any, path: str = "") -> set[str]:
    """Each field of a schema."""
    if "items" in schema:
        return leaves(schema["items"], f"{path}[]")
    if not schema.get("properties"):
        return {path}
    return set().union(*(leaves(inner, f"{path}.{name}") for name, inner in schema["properties"].items()))


def written(value: Any, path: str = "") -> set[str]:
    """The same for a value: each of its paths, inner ones too."""
    if isinstance(value, dict):
        return {path}.union(*(written(inner, f"{path}.{name}") for name, inner in value.items()))
    if isinstance(value, list):
        return {path}.union(*(written(inner, f"{path}[]") for inner in value))
    return {path}


@pytest.mark.parametrize("kind", ["application", "appproject"])
def test_the_sample_leaves_out_no_field_of_the_crd(kind: str) -> None:
    crd = next(crd for crd in crds() if crd["spec"]["names"]["singular"] == kind)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    sample = a_sample(kind, "any")
    for part in schema.keys() - {"apiVersion", "kind", "metadata"}:
        known = written(sample[part], part)
        assert leaves(schema[part], part) - known == set()


async def test_unknown_fields_are_pruned_but_values_are_kept(kube_request: KubeRequest, namespace: str) -> None:
    source = {"repoURL": "https://x", "helm": {"valuesObject": {"any": {"thing": [1]}}, "invented": 1}, "ksonnet": {}}
    body = an_application(source=source, invented={"a": 1})
    status, created = await kube_request("POST", APPLICATIONS.format(namespace), body)
    assert status == 201, created
    assert created["spec"]["source"] == {"repoURL": "https://x", "helm": {"valuesObject": {"any": {"thing": [1]}}}}
    assert "invented" not in created["spec"]


async def test_strict_validation_names_the_unknown_field(kube_request: KubeRequest, namespace: str) -> None:
    body = an_application(sorce={})
    status, answer = await kube_request("POST", APPLICATIONS.format(namespace), body, params=STRICT)
    assert status == 400
    assert 'unknown field "spec.sorce"' in answer["message"]


async def test_null_flags_and_an_empty_automated_are_accepted(kube_request: KubeRequest, namespace: str) -> None:
    policy: Object = {"automated": {"prune": None, "selfHeal": None}}
    status, created = await kube_request("POST", APPLICATIONS.format(namespace), an_application(syncPolicy=policy))
    assert status == 201, created
    assert without_nulls(created["spec"]["syncPolicy"]) == {"automated": {}}


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"project": None}, "spec.project"),
        ({"destination": None}, "spec.destination"),
        ({"source": {"path": "cart"}}, "spec.source.repoURL"),
        ({"ignoreDifferences": [{"group": "apps"}]}, "spec.ignoreDifferences[0].kind"),
        ({"info": [{"name": "x"}]}, "spec.info[0].value"),
        ({"revisionHistoryLimit": "ten"}, "spec.revisionHistoryLimit"),
        ({"source": {"repoURL": "x", "helm": {"valueFiles": "values.yaml"}}}, "spec.source.helm.valueFiles"),
        ({"source": {"repoURL": "x", "helm": {"parameters": [{"name": "a", "value": 1}]}}}, "parameters[0].value"),
    ],
)
async def test_a_missing_or_wrong_field_is_refused_by_name(
    spec: Object, field: str, kube_request: KubeRequest, namespace: str
) -> None:
    status, answer = await kube_request("POST", APPLICATIONS.format(namespace), an_application(**spec))
    assert status == 422
    assert field in answer["message"]


async def test_the_status_is_an_ordinary_field(kube_request: KubeRequest, namespace: str) -> None:
    path = APPLICATIONS.format(namespace)
    await kube_request("POST", path, an_application())
    status, changed = await kube_request("PATCH", f"{path}/cart", {"status": {"sync": {"status": "Synced"}}})
    assert (status, changed["status"], changed["metadata"]["generation"]) == (200, {"sync": {"status": "Synced"}}, 2)
    status, _ = await kube_request("PATCH", f"{path}/cart/status", {"status": {}})
    assert status == 404


async def test_kubectl_get_shows_sync_health_and_revision(
    kube_request: KubeRequest, control_plane: Coordinates, namespace: str
) -> None:
    sample = copied(a_sample("application", namespace))
    await kube_request("POST", APPLICATIONS.format(namespace), sample)
    headers = {"Authorization": f"Bearer {control_plane.admin_token}", "Accept": TABLE}
    async with open_session(control_plane) as session:
        table = await (await session.get(APPLICATIONS.format(namespace), headers=headers)).json()
    shown = [column["name"] for column in table["columnDefinitions"] if column["priority"] == 0]
    assert shown == ["Name", "Sync Status", "Health Status", "Revision"]
    assert table["rows"][0]["cells"][:4] == [
        "everything",
        "Synced",
        "Progressing",
        sample["status"]["sync"]["revision"],
    ]


async def test_short_names_are_served(kube_request: KubeRequest) -> None:
    _, found = await kube_request("GET", "/apis/argoproj.io/v1alpha1")
    names = {resource["name"]: resource["shortNames"] for resource in found["resources"]}
    assert names == {"applications": ["app", "apps"], "appprojects": ["appproj", "appprojs"]}


def test_the_crds_are_plain_yaml_for_everybody() -> None:
    read = [yaml.safe_load(path.read_text()) for path in sorted((CHART / "crds").glob("*.yaml"))]
    assert sorted(read, key=str) == sorted(crds(), key=str)
