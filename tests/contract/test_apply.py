"""Server-side apply: merging, ownership, conflicts, force, removal, preconditions."""

import pytest

from tests.contract.api import APPLY, APPS, CORE, Api, causes, owners
from tests.contract.manifests import Manifest, config_map, service, workload


async def test_a_missing_object_is_created_and_owned(api: Api) -> None:
    answer = await api.apply(api.path(CORE, "configmaps", "a"), config_map(data={"k": "v"}, labels={"a": "b"}))
    assert answer.status == 201
    (entry,) = answer.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["fieldsType"]) == ("one", "Apply", "FieldsV1")
    assert entry["fieldsV1"] == {"f:data": {"f:k": {}}, "f:metadata": {"f:labels": {"f:a": {}}}}


async def test_the_body_may_be_yaml(api: Api) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  time: 2001-01-01\n  n: '1'\n  x: 'y'\n"
    answer = await api.apply(api.path(CORE, "configmaps", "a"), text)
    assert (answer.status, answer.body["data"]) == (201, {"time": "2001-01-01", "false": "1", "x": "y"})


async def test_the_same_apply_again_changes_nothing(api: Api) -> None:
    path, manifest = api.path(CORE, "services", "web"), service()
    first = await api.applied(path, manifest)
    again = await api.apply(path, manifest)
    assert (again.status, again.body["metadata"]) == (200, first["metadata"])


async def test_another_value_of_somebody_elses_field_is_a_conflict(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v"}))
    answer = await api.apply(path, config_map(data={"k": "w"}), "two")
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.k'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.k"}
    assert answer.body["details"]["causes"] == [cause]


async def test_all_conflicts_are_told_by_owner(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.applied(path, workload(paused=True, replicas=0))
    await api.patch(path, {"spec": {"replicas": 3}}, fieldManager="hand")
    answer = await api.apply(path, workload(image="web:2", paused=True, replicas=1), "two")
    image = '.spec.template.spec.containers[name="web"].image'
    assert {field for field, _ in causes(answer)} == {image, ".spec.replicas"}
    assert answer.body["message"].splitlines() == [
        'Apply failed with 2 conflicts: conflicts with "hand" using apps/v1:',
        "- .spec.replicas",
        'conflicts with "one":',
        f"- {image}",
    ]


async def test_force_takes_a_field_over(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v", "own": "1"}))
    taken = await api.applied(path, config_map(data={"k": "w"}), "two", force="true")
    assert taken["data"] == {"k": "w", "own": "1"}
    assert owners(taken) == {"one": {"f:data": {"f:own": {}}}, "two": {"f:data": {"f:k": {}}}}


async def test_the_same_value_is_shared(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v"}))
    shared = await api.applied(path, config_map(data={"k": "v"}), "two")
    assert owners(shared) == {"one": {"f:data": {"f:k": {}}}, "two": {"f:data": {"f:k": {}}}}


async def test_a_field_no_longer_applied_goes_with_its_last_owner(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(data={"k": "v", "mine": "1"}))
    await api.applied(path, config_map(data={"k": "v"}), "two")
    left = await api.applied(path, config_map(data={}))
    assert left["data"] == {"k": "v"}, "still applied by two"
    gone = await api.applied(path, config_map(), "two")
    assert "data" not in gone


async def test_fields_set_by_an_update_stay_when_an_applier_lets_go(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.create(api.path(CORE, "configmaps"), config_map(data={"hand": "1"}))
    await api.applied(path, config_map(data={"k": "v"}))
    assert (await api.applied(path, config_map()))["data"] == {"hand": "1"}


async def test_the_last_label_goes_without_the_rest_of_the_metadata(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    made = await api.applied(path, config_map(data={"k": "v"}, labels={"a": "b"}))
    bare = await api.applied(path, config_map(data={"k": "v"}))
    kept = ("name", "namespace", "uid", "creationTimestamp")
    assert [bare["metadata"][key] for key in kept] == [made["metadata"][key] for key in kept]
    assert "labels" not in bare["metadata"]


async def test_list_items_are_merged_by_their_key(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.applied(path, workload(paused=True, replicas=0))
    containers = [{"name": "side", "image": "side:1"}, {"name": "web", "env": [{"name": "A", "value": "1"}]}]
    pod: Manifest = {"spec": {"containers": containers}}
    other = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": pod}}
    merged = await api.applied(path, other, "two")
    found = {item["name"]: item for item in merged["spec"]["template"]["spec"]["containers"]}
    assert (found["web"]["image"], found["web"]["env"]) == ("web:1", [{"name": "A", "value": "1"}])
    assert found["side"]["image"] == "side:1"
    alone = await api.applied(path, {**other, "spec": {}}, "two")
    (web,) = alone["spec"]["template"]["spec"]["containers"]
    assert (web["name"], "env" in web) == ("web", False)


async def test_the_order_of_merged_items_follows_the_applied_ones(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")

    def manifest(*names: str) -> Manifest:
        made = workload(paused=True, replicas=0)
        made["spec"]["template"]["spec"]["containers"] = [{"name": name, "image": "i"} for name in names]
        return made

    async def order(*names: str, manager: str = "one") -> list[str]:
        made = await api.applied(path, manifest(*names), manager, force="true")
        return [item["name"] for item in made["spec"]["template"]["spec"]["containers"]]

    assert await order("a", "b", "c") == ["a", "b", "c"]
    assert await order("d", "b", manager="two") == ["a", "d", "b", "c"]
    assert await order("c", "e", "a", manager="three") == ["d", "b", "c", "e", "a"]


async def test_a_default_of_a_list_key_counts(api: Api) -> None:
    made = await api.applied(api.path(CORE, "services", "web"), service())
    ports = owners(made)["one"]["f:spec"]["f:ports"]
    assert ports == {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}


async def test_an_atomic_map_is_owned_as_a_whole(api: Api) -> None:
    path = api.path(CORE, "services", "web")
    made = await api.applied(path, service())
    assert owners(made)["one"]["f:spec"]["f:selector"] == {}
    replaced = await api.applied(path, service(selector={"tier": "x"}))
    assert replaced["spec"]["selector"] == {"tier": "x"}


async def test_finalizers_are_a_set(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    await api.applied(path, config_map(finalizers=["x.dev/a"]))
    both = await api.applied(path, config_map(finalizers=["x.dev/b"]), "two")
    assert both["metadata"]["finalizers"] == ["x.dev/a", "x.dev/b"]
    assert owners(both)["two"] == {"f:metadata": {"f:finalizers": {'v:"x.dev/b"': {}}}}
    await api.patch(path, {"metadata": {"finalizers": None}})


async def test_a_removed_default_comes_back(api: Api) -> None:
    path = api.path(APPS, "deployments", "web")
    await api.applied(path, workload(paused=True, replicas=0))
    assert (await api.applied(path, workload(paused=True)))["spec"]["replicas"] == 1


async def test_an_observed_version_is_a_precondition(api: Api) -> None:
    path = api.path(CORE, "configmaps", "a")
    made = await api.applied(path, config_map(data={"k": "v"}))
    seen = {key: made["metadata"][key] for key in ("uid", "resourceVersion")}
    assert (await api.apply(path, config_map(data={"k": "w"}, **seen))).status == 200
    late = await api.apply(path, config_map(data={"k": "x"}, **seen), force="true")
    assert (late.status, late.body["reason"]) == (409, "Conflict")
    stranger = await api.apply(path, config_map(uid="11111111-0000-0000-0000-000000000000"))
    assert (stranger.status, causes(stranger)) == (422, {("metadata.uid", "FieldValueInvalid")})
    both = config_map(uid="11111111-0000-0000-0000-000000000000", resourceVersion=seen["resourceVersion"])
    assert (await api.apply(path, both)).status == 409, "an old version is told before another uid"


async def test_preconditions_on_a_missing_object(api: Api) -> None:
    with_version = config_map("b", resourceVersion="1")
    assert (await api.apply(api.path(CORE, "configmaps", "b"), with_version)).status == 201
    answer = await api.apply(api.path(CORE, "configmaps", "c"), config_map("c", uid="1"))
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("manifest", "params", "status"),
    [
        pytest.param(config_map(), {"fieldManager": ""}, 422, id="no manager"),
        pytest.param(config_map(managedFields=[]), {}, 400, id="managedFields"),
        pytest.param({**config_map(), "kind": "Secret"}, {}, 400, id="another kind"),
        pytest.param({"metadata": {"name": "a"}}, {}, 400, id="no kind"),
        pytest.param(config_map("b"), {}, 400, id="another name"),
        pytest.param(config_map(namespace="elsewhere"), {}, 400, id="another namespace"),
        pytest.param(b"kind: [", {}, 400, id="broken YAML"),
    ],
)
async def test_a_wrong_request_is_refused(api: Api, manifest: object, params: dict[str, str], status: int) -> None:
    path = api.path(CORE, "configmaps", "a")
    answer = await api.patch(path, manifest, APPLY, **{"fieldManager": "one", **params})
    assert answer.status == status, answer.body


async def test_force_belongs_to_apply_only(api: Api) -> None:
    await api.create(api.path(CORE, "configmaps"), config_map())
    answer = await api.patch(api.path(CORE, "configmaps", "a"), {"data": {"k": "v"}}, force="true")
    assert (answer.status, causes(answer)) == (422, {("force", "FieldValueForbidden")})


async def test_apply_needs_a_name_in_the_path(api: Api) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}
    assert (await api.apply(api.path(CORE, "configmaps"), manifest)).status == 405


@pytest.mark.parametrize("validation", ["Strict", "Ignore"])
async def test_an_undeclared_field_is_500_whatever_the_validation(api: Api, validation: str) -> None:
    manifest = {**config_map(), "zork": 1}
    answer = await api.apply(api.path(CORE, "configmaps", "a"), manifest, fieldValidation=validation)
    assert answer.status == 500
    assert answer.body["message"] == (
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .zork: field not declared in schema"
    )


async def test_a_list_item_given_twice_is_500(api: Api) -> None:
    ports = [{"port": 80}, {"port": 80, "protocol": "TCP"}]
    answer = await api.apply(api.path(CORE, "services", "web"), service(ports=ports))
    assert answer.status == 500
    assert '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]' in answer.body["message"]


async def test_a_missing_namespace_is_404(api: Api) -> None:
    path = "/api/v1/namespaces/no-such-namespace/configmaps/a"
    answer = await api.apply(path, config_map())
    assert (answer.status, answer.body["message"]) == (404, 'namespaces "no-such-namespace" not found')
