"""Custom resources: a CRD is served, prunes, fills in, validates; with and without a status subresource."""

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.contract.api import CRDS, JSON_PATCH, STRATEGIC, Answer, Api, causes, owners
from tests.contract.manifests import Manifest, widget_crd


class Widgets:
    """A CRD of the test's own."""

    def __init__(self, api: Api, group: str) -> None:
        self.api = api
        self.group = group
        self.path = f"/apis/{group}/v1/namespaces/{api.namespace}/widgets"

    def widget(self, spec: Manifest, name: str = "a", **more: object) -> Manifest:
        meta = {"name": name}
        return {"apiVersion": f"{self.group}/v1", "kind": "Widget", "metadata": meta, "spec": spec, **more}


def is_established(answer: Answer) -> bool:
    conditions = (answer.body.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


async def served(api: Api, *, with_status: bool) -> AsyncIterator[Widgets]:
    found = Widgets(api, f"t{secrets.token_hex(4)}.example.dev")
    crd = f"{CRDS}/widgets.{found.group}"
    await api.create(CRDS, widget_crd(found.group, with_status=with_status))
    await api.until(crd, is_established)
    await api.until(found.path, lambda answer: answer.status == 200)
    yield found
    await api("DELETE", crd)


@pytest.fixture
async def widgets(api: Api) -> AsyncIterator[Widgets]:
    """Without a status subresource, as Argo CD's Application."""
    async for found in served(api, with_status=False):
        yield found


@pytest.fixture
async def widgets_with_status(api: Api) -> AsyncIterator[Widgets]:
    async for found in served(api, with_status=True):
        yield found


async def test_a_new_kind_is_discovered(widgets: Widgets) -> None:
    listed = await widgets.api.get(f"/apis/{widgets.group}/v1")
    (row,) = listed["resources"]
    assert (row["name"], row["kind"], row["shortNames"]) == ("widgets", "Widget", ["wd"])
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}

    async def found() -> list[Manifest]:
        items = (await widgets.api("GET", "/apis", headers=accept)).body["items"]
        return [item for item in items if item["metadata"]["name"] == widgets.group]

    await widgets.api.until(f"/apis/{widgets.group}", lambda answer: answer.status == 200)
    for _ in range(100):  # the aggregated list follows a moment later
        if items := await found():
            break
        await widgets.api.until("/version", lambda answer: answer.status == 200)
    (resource,) = items[0]["versions"][0]["resources"]
    assert resource["responseKind"] == {"group": widgets.group, "version": "v1", "kind": "Widget"}


async def test_undeclared_fields_are_pruned_and_defaults_filled_in(widgets: Widgets) -> None:
    spec = {"size": 3, "zork": 1, "free": {"any": {"thing": 1}}, "bare": {"x": 1}, "port": "http", "maybe": None}
    made = await widgets.api.create(widgets.path, widgets.widget(spec))
    assert made["spec"] == {
        "size": 3,
        "mode": "fast",
        "nested": {"on": True},
        "free": {"any": {"thing": 1}},
        "bare": {},
        "port": "http",
        "maybe": None,
    }


async def test_strict_refuses_undeclared_fields(widgets: Widgets) -> None:
    answer = await widgets.api("POST", widgets.path, widgets.widget({"size": 1, "zork": 1}), fieldValidation="Strict")
    assert answer.status == 400
    assert 'strict decoding error: unknown field "spec.zork"' in answer.body["message"]


async def test_the_schema_validates(widgets: Widgets) -> None:
    spec = {"size": 0, "mode": "odd", "name": "y", "map": {"a": 1}}
    answer = await widgets.api("POST", widgets.path, widgets.widget(spec))
    assert answer.status == 422
    assert causes(answer) == {
        ("spec.size", "FieldValueInvalid"),
        ("spec.mode", "FieldValueNotSupported"),
        ("spec.name", "FieldValueInvalid"),
        ("spec.map.a", "FieldValueTypeInvalid"),
    }
    missing = await widgets.api("POST", widgets.path, {**widgets.widget({}), "spec": {}})
    assert causes(missing) == {("spec.size", "FieldValueRequired")}
    twice = await widgets.api("POST", widgets.path, widgets.widget({"size": 1, "set": ["a", "a"]}))
    assert causes(twice) == {("spec.set[1]", "FieldValueDuplicate")}


async def test_an_update_needs_the_version_it_is_based_on(widgets: Widgets) -> None:
    made = await widgets.api.create(widgets.path, widgets.widget({"size": 1}))
    blind = await widgets.api("PUT", f"{widgets.path}/a", widgets.widget({"size": 2}))
    assert (blind.status, causes(blind)) == (422, {("metadata.resourceVersion", "FieldValueInvalid")})
    seen = {**made, "spec": {"size": 2}}
    assert (await widgets.api("PUT", f"{widgets.path}/a", seen)).status == 200
    assert (await widgets.api("PUT", f"{widgets.path}/a", seen)).status == 409


async def test_lists_carry_kind_and_version_in_each_item(widgets: Widgets) -> None:
    await widgets.api.create(widgets.path, widgets.widget({"size": 1}))
    (item,) = (await widgets.api.get(widgets.path))["items"]
    assert (item["kind"], item["apiVersion"]) == ("Widget", f"{widgets.group}/v1")


async def test_without_the_subresource_every_write_of_status_counts(widgets: Widgets) -> None:
    made = await widgets.api.create(widgets.path, widgets.widget({"size": 1}, status={"phase": "New"}))
    assert (made["status"], made["metadata"]["generation"]) == ({"phase": "New"}, 1)
    change = [{"op": "replace", "path": "/status", "value": {"phase": "Old"}}]
    changed = await widgets.api.patch(f"{widgets.path}/a", change, JSON_PATCH, fieldManager="status")
    assert (changed.body["status"], changed.body["metadata"]["generation"]) == ({"phase": "Old"}, 2)
    assert owners(changed.body)["status"] == {"f:status": {"f:phase": {}}}
    noted = await widgets.api.patch(f"{widgets.path}/a", {"metadata": {"annotations": {"a": "b"}}})
    assert noted.body["metadata"]["generation"] == 2
    assert (await widgets.api("GET", f"{widgets.path}/a/status")).status == 404


async def test_with_the_subresource_main_and_status_are_apart(widgets_with_status: Widgets) -> None:
    widgets = widgets_with_status
    made = await widgets.api.create(widgets.path, widgets.widget({"size": 1}, status={"phase": "New"}))
    assert "status" not in made
    main = await widgets.api.patch(f"{widgets.path}/a", {"status": {"phase": "New"}})
    assert "status" not in main.body
    both = {"status": {"phase": "New"}, "spec": {"size": 9}, "metadata": {"annotations": {"a": "b"}}}
    status = await widgets.api.patch(f"{widgets.path}/a/status", both)
    assert (status.body["status"], status.body["spec"]["size"]) == ({"phase": "New"}, 1)
    assert "annotations" not in status.body["metadata"]
    assert status.body["metadata"]["generation"] == 1


async def test_declared_lists_merge_and_undeclared_ones_are_atomic(widgets: Widgets) -> None:
    path = f"{widgets.path}/a"
    free = {"l": [{"a": 1}], "m": {"x": {"y": 1}}}
    spec = {"size": 1, "set": ["a", "b"], "keyed": [{"k": "1", "v": "x"}], "free": free}
    made = await widgets.api.applied(path, widgets.widget(spec))
    assert owners(made)["one"]["f:spec"] == {
        "f:size": {},
        "f:set": {'v:"a"': {}, 'v:"b"': {}},
        "f:keyed": {'k:{"k":"1"}': {".": {}, "f:k": {}, "f:v": {}}},
        "f:free": {"f:l": {}, "f:m": {".": {}, "f:x": {".": {}, "f:y": {}}}},
    }
    second = {"size": 1, "set": ["b", "c"], "keyed": [{"k": "2"}]}
    merged = await widgets.api.applied(path, widgets.widget(second), "two")
    assert merged["spec"]["set"] == ["a", "b", "c"]
    assert merged["spec"]["keyed"] == [{"k": "1", "v": "x"}, {"k": "2"}]
    left = await widgets.api.applied(path, widgets.widget({"size": 1}))
    assert (left["spec"]["set"], left["spec"]["keyed"]) == (["b", "c"], [{"k": "2"}])
    assert "free" not in left["spec"]


async def test_an_undeclared_field_in_an_apply_is_500(widgets: Widgets) -> None:
    answer = await widgets.api.apply(f"{widgets.path}/a", widgets.widget({"size": 1, "zork": 1}))
    assert answer.status == 500
    assert ".spec.zork: field not declared in schema" in answer.body["message"]


async def test_custom_resources_take_no_strategic_patch(widgets: Widgets) -> None:
    await widgets.api.create(widgets.path, widgets.widget({"size": 1}))
    assert (await widgets.api.patch(f"{widgets.path}/a", {}, STRATEGIC)).status == 415


async def test_an_object_larger_than_etcd_takes_is_500(widgets: Widgets) -> None:
    large = widgets.widget({"size": 1, "free": {"text": "x" * 1_700_000}})
    answer = await widgets.api("POST", widgets.path, large)
    assert (answer.status, answer.body["message"]) == (500, "etcdserver: request is too large")
    assert (await widgets.api("POST", widgets.path, large, dryRun="All")).status == 201, "a dry run doesn't notice"


async def test_a_crd_takes_its_objects_along(widgets: Widgets) -> None:
    api, crd = widgets.api, f"{CRDS}/widgets.{widgets.group}"
    await api.create(widgets.path, widgets.widget({"size": 1}))
    answer = await api("DELETE", crd)
    assert answer.body["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    await api.until(crd, lambda answer: answer.status == 404)
    await api.until(widgets.path, lambda answer: answer.status == 404)


async def test_a_crd_is_checked(api: Api) -> None:
    wrong = widget_crd("example.dev", with_status=False)
    wrong["metadata"]["name"] = "gadgets.example.dev"
    answer = await api("POST", CRDS, wrong)
    assert answer.status == 422
    assert ("metadata.name", "FieldValueInvalid") in causes(answer)
