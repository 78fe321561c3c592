"""What is refused: unknown fields, wrong types, invalid values, changes of what can't be changed."""

from typing import Any

import pytest

from tests.contract.api import APPS, BATCH, CORE, RBAC, Api, causes
from tests.contract.manifests import Manifest, config_map, job, pod_spec, service, workload

MAPS = (CORE, "configmaps")
NETWORKING = "/apis/networking.k8s.io/v1"


async def test_strict_refuses_unknown_fields_by_their_path(api: Api) -> None:
    manifest = workload(paused=True)
    manifest["spec"]["zork"] = 1
    manifest["spec"]["template"]["spec"]["containers"][0]["imagePulPolicy"] = "Always"
    answer = await api("POST", api.path(APPS, "deployments"), manifest, fieldValidation="Strict")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    prefix, _, rest = answer.body["message"].partition(": strict decoding error: ")
    assert prefix == 'Deployment in version "v1" cannot be handled as a Deployment'
    unknown = {'unknown field "spec.template.spec.containers[0].imagePulPolicy"', 'unknown field "spec.zork"'}
    assert set(rest.split(", ")) == unknown


async def test_without_strict_unknown_fields_are_dropped_with_a_warning(api: Api) -> None:
    warned = await api("POST", api.path(*MAPS), {**config_map("a"), "zork": 1})
    assert (warned.status, "zork" in warned.body) == (201, False)
    assert warned.headers["Warning"] == '299 - "unknown field \\"zork\\""'
    ignored = await api("POST", api.path(*MAPS), {**config_map("b"), "zork": 1}, fieldValidation="Ignore")
    assert (ignored.status, "Warning" in ignored.headers) == (201, False)


async def test_strict_refuses_fields_given_twice(api: Api) -> None:
    twice = b'{"metadata": {"name": "a"}, "data": {"k": "v"}, "data": {"k": "w"}}'
    answer = await api("POST", api.path(*MAPS), twice, fieldValidation="Strict")
    assert answer.status == 400
    assert 'strict decoding error: duplicate field "data"' in answer.body["message"]


async def test_strict_refuses_a_patch_that_leads_to_unknown_fields(api: Api) -> None:
    await api.create(api.path(*MAPS), config_map())
    answer = await api.patch(api.path(*MAPS, "a"), {"zork": 1}, fieldValidation="Strict")
    assert (answer.status, causes(answer)) == (422, {("patch", "FieldValueInvalid")})
    assert 'strict decoding error: unknown field "zork"' in answer.body["message"]


async def test_an_unknown_validation_is_422(api: Api) -> None:
    answer = await api("POST", api.path(*MAPS), config_map(), fieldValidation="Sloppy")
    assert (answer.status, causes(answer)) == (422, {("fieldValidation", "FieldValueNotSupported")})


@pytest.mark.parametrize(
    "change",
    [{"replicas": "three"}, {"template": []}, {"paused": "yes"}, {"selector": {"matchLabels": {"a": 1}}}],
)
async def test_a_wrong_type_is_400(api: Api, change: Manifest) -> None:
    answer = await api("POST", api.path(APPS, "deployments"), workload(**change))
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "cannot unmarshal" in answer.body["message"]


@pytest.mark.parametrize(
    ("name", "status"), [("A_b", 422), ("", 422), ("a..b", 422), ("a" * 254, 422), ("a.b-c", 201), ("a" * 253, 201)]
)
async def test_names_are_dns_subdomains(api: Api, name: str, status: int) -> None:
    answer = await api("POST", api.path(*MAPS), config_map(name))
    assert answer.status == status, answer.body
    if status == 422:
        assert {field for field, _ in causes(answer)} == {"metadata.name"}


async def test_some_names_are_stricter_and_some_are_free(api: Api) -> None:
    assert (await api("POST", api.path(CORE, "services"), service("web.a"))).status == 422
    assert (await api("POST", api.path(RBAC, "roles"), {"metadata": {"name": "system:Any_thing"}})).status == 201


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"a": "no spaces"}},
        {"labels": {"a": "x" * 64}},
        {"labels": {"a b": "c"}},
        {"annotations": {"a/b/c": "d"}},
        {"annotations": {"big": "x" * 300_000}},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": ""}]},
        {"finalizers": ["not/a/name"]},
    ],
)
async def test_metadata_is_checked(api: Api, metadata: Manifest) -> None:
    answer = await api("POST", api.path(*MAPS), config_map(**metadata))
    (key,) = metadata
    assert answer.status == 422, answer.body
    assert all(field.startswith(f"metadata.{key}") for field, _ in causes(answer))


def deployment(**container: Any) -> Manifest:
    manifest = workload(paused=True)
    manifest["spec"]["template"]["spec"] = pod_spec(**container)
    return manifest


CONTAINER = "spec.template.spec.containers[0]"
INVALID: list[tuple[str, str, Manifest, set[tuple[str, str]]]] = [
    (APPS, "deployments", deployment(image=""), {(f"{CONTAINER}.image", "FieldValueRequired")}),
    (APPS, "deployments", deployment(name=""), {(f"{CONTAINER}.name", "FieldValueRequired")}),
    (APPS, "deployments", deployment(name="Web"), {(f"{CONTAINER}.name", "FieldValueInvalid")}),
    (
        APPS,
        "deployments",
        deployment(imagePullPolicy="Sometimes"),
        {(f"{CONTAINER}.imagePullPolicy", "FieldValueNotSupported")},
    ),
    (
        APPS,
        "deployments",
        deployment(ports=[{"containerPort": 70000}]),
        {(f"{CONTAINER}.ports[0].containerPort", "FieldValueInvalid")},
    ),
    (
        APPS,
        "deployments",
        deployment(volumeMounts=[{"name": "none", "mountPath": "/x"}]),
        {(f"{CONTAINER}.volumeMounts[0].name", "FieldValueNotFound")},
    ),
    (APPS, "deployments", workload(replicas=-1), {("spec.replicas", "FieldValueInvalid")}),
    (
        APPS,
        "deployments",
        workload(selector={"matchLabels": {"other": "x"}}),
        {("spec.template.metadata.labels", "FieldValueInvalid")},
    ),
    (CORE, "services", service(ports=[{"port": 0}]), {
        ("spec.ports[0].port", "FieldValueInvalid"),
        ("spec.ports[0].targetPort", "FieldValueInvalid"),
    }),
    (CORE, "services", service(ports=[]), {("spec.ports", "FieldValueRequired")}),
    (CORE, "services", service(type="Odd"), {("spec.type", "FieldValueNotSupported")}),
    (CORE, "configmaps", config_map(data={"a/b": "c"}), {("data[a/b]", "FieldValueInvalid")}),
    (
        BATCH,
        "jobs",
        job(template={"spec": pod_spec()}),
        {("spec.template.spec.restartPolicy", "FieldValueRequired")},
    ),
    (
        NETWORKING,
        "ingresses",
        {"metadata": {"name": "a"}, "spec": {}},
        {("spec", "FieldValueInvalid")},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "plural", "manifest", "expected"), INVALID)
async def test_invalid_values_are_422_with_their_fields(
    api: Api, prefix: str, plural: str, manifest: Manifest, expected: set[tuple[str, str]]
) -> None:
    answer = await api("POST", api.path(prefix, plural), manifest)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert causes(answer) == expected, answer.body["message"]


async def test_large_bodies_and_large_data_are_refused(api: Api) -> None:
    large = await api("POST", api.path(*MAPS), config_map(data={"k": "x" * 1_100_000}))
    assert (large.status, {reason for _, reason in causes(large)}) == (422, {"FieldValueTooLong"})
    body = await api("POST", api.path(*MAPS), config_map(data={"k": "x" * 3_200_000}))
    assert (body.status, body.body["reason"]) == (413, "RequestEntityTooLarge")


async def test_a_broken_secret_is_400(api: Api) -> None:
    answer = await api("POST", api.path(CORE, "secrets"), {"metadata": {"name": "a"}, "data": {"k": "not base64!"}})
    assert answer.status == 400


async def test_the_selector_of_a_deployment_stays(api: Api) -> None:
    await api.create(api.path(APPS, "deployments"), workload(paused=True))
    other = workload(paused=True, selector={"matchLabels": {"app": "other"}})
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    answer = await api.apply(api.path(APPS, "deployments", "web"), other, force="true")
    assert answer.status == 422
    assert ("spec.selector", "FieldValueInvalid") in causes(answer)
    assert "field is immutable" in answer.body["message"]


async def test_a_stateful_set_changes_only_what_it_may(api: Api) -> None:
    path = api.path(APPS, "statefulsets", "web")
    await api.create(api.path(APPS, "statefulsets"), workload("StatefulSet", serviceName="web", replicas=0))
    assert (await api.patch(path, {"spec": {"replicas": 0, "minReadySeconds": 1}})).status == 200
    answer = await api.patch(path, {"spec": {"serviceName": "other"}})
    assert (answer.status, causes(answer)) == (422, {("spec", "FieldValueForbidden")})


async def test_a_jobs_template_stays(api: Api) -> None:
    await api.create(api.path(BATCH, "jobs"), job(parallelism=0))
    change = {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}, "spec": {"hostNetwork": True}}}}
    answer = await api.patch(api.path(BATCH, "jobs", "job"), change)
    assert (answer.status, causes(answer)) == (422, {("spec.template", "FieldValueInvalid")})


async def test_an_immutable_config_map_stays(api: Api) -> None:
    await api.create(api.path(*MAPS), {**config_map(data={"k": "v"}), "immutable": True})
    answer = await api.patch(api.path(*MAPS, "a"), {"data": {"k": "w"}})
    assert (answer.status, causes(answer)) == (422, {("data", "FieldValueForbidden")})


async def test_the_type_of_a_secret_stays(api: Api) -> None:
    await api.create(api.path(CORE, "secrets"), {"metadata": {"name": "a"}})
    answer = await api.patch(api.path(CORE, "secrets", "a"), {"type": "other"})
    assert (answer.status, causes(answer)) == (422, {("type", "FieldValueInvalid")})


async def test_a_binding_keeps_its_role(api: Api) -> None:
    binding = {"metadata": {"name": "a"}, "roleRef": {"kind": "Role", "name": "one"}}
    made = await api.create(api.path(RBAC, "rolebindings"), binding)
    assert made["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    answer = await api.patch(api.path(RBAC, "rolebindings", "a"), {"roleRef": {"name": "two"}})
    assert (answer.status, causes(answer)) == (422, {("roleRef", "FieldValueInvalid")})
