"""Creating, changing and deleting Applications, with the caller's own token and never with the receiver's."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.receiver.cluster import LIST, SPEC, Answered, Cluster, on_applications, on_sandbox
from tests.valkey import Valkey

pytestmark = pytest.mark.asyncio(loop_scope="module")
CART: dict[str, Any] = {"metadata": {"name": "cart", "labels": {"team": "shop"}}, "spec": SPEC}
ONE = f"{LIST}/cart"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
EVERYTHING = on_applications("create", "get", "list", "update", "patch", "delete")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(valkey_server: Valkey, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with on_sandbox(valkey_server, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(town: Cluster) -> str:
    return await town.person(EVERYTHING)


@pytest_asyncio.fixture(loop_scope="module")
async def cluster(town: Cluster) -> AsyncIterator[Cluster]:
    yield town
    await town.clean()


async def read(cluster: Cluster, token: str) -> Answered:
    return await cluster.call("GET", ONE, token)


async def test_an_application_is_created_as_the_caller_with_its_version_and_place(
    cluster: Cluster, editor: str
) -> None:
    made = await cluster.call("POST", LIST, editor, json=CART)
    assert made.status == 201
    live = await cluster.live()
    assert made.headers["ETag"] == f'"{live["metadata"]["resourceVersion"]}"'
    assert made.headers["Location"] == "/api/v1/applications/cart?appNamespace=pilothouse"
    assert (live["spec"], live["metadata"]["labels"]) == (SPEC, {"team": "shop"})
    assert live["metadata"]["managedFields"][0]["manager"] == "pilothouse-api"
    again = await cluster.call("POST", LIST, editor, json=CART)
    assert (again.status, again.body["title"]) == (409, "Exists already")


async def test_the_receivers_own_rights_help_nobody_to_write(cluster: Cluster) -> None:
    """Its account may patch Applications; a caller who may not gets no further than he would with kubectl."""
    reader = await cluster.person(on_applications("get", "list"))
    await cluster.application()
    before = await cluster.live()
    for method, path in (("POST", LIST), ("PUT", ONE), ("DELETE", ONE)):
        refused = await cluster.call(method, path, reader, json=CART, headers={"If-Match": "*"})
        assert refused.status == 403, (method, refused)
    assert await cluster.live() == before
    # Deleting is allowed, taking the finalizer off is not: that is the caller's right to patch, not the receiver's.
    deleter = await cluster.person(on_applications("delete", "get"))
    await cluster.patch(metadata={"finalizers": [FINALIZER]})
    refused = await cluster.call("DELETE", f"{ONE}?cascade=false", deleter)
    assert (refused.status, "patch" in refused.body["detail"]) == (403, True)
    assert "deletionTimestamp" not in (await cluster.live())["metadata"]


async def test_a_token_for_pilothouse_alone_cannot_write_and_is_told_which_can(cluster: Cluster) -> None:
    ours = await cluster.person(EVERYTHING, audiences=["pilothouse"])
    await cluster.application("other")
    assert (await cluster.call("GET", f"{LIST}/other", ours)).status == 200
    for method, path in (("POST", LIST), ("PUT", f"{LIST}/other"), ("DELETE", f"{LIST}/other")):
        body = {**CART, "metadata": {}} if method == "PUT" else CART
        refused = await cluster.call(method, path, ours, json=body, headers={"If-Match": "*"})
        assert refused.status == 403, (method, refused)
        assert "without `--audience pilothouse`" in refused.body["detail"]
    assert await cluster.live() is None
    assert await cluster.live("other") is not None


async def test_all_that_is_wrong_is_told_at_once_and_nothing_is_sent(cluster: Cluster, editor: str) -> None:
    source = {"repoURL": "ftp://x", "path": "../etc", "pth": "x"}
    body = {"metadata": {"name": "cart", "namespace": "team"}, "spec": {**SPEC, "source": source, "zone": 1}}
    refused = await cluster.call("POST", LIST, editor, json=body)
    assert refused.status == 422
    assert refused.fields == [
        "metadata.namespace",
        "spec.source.path",
        "spec.source.repoURL",
        "spec.source.pth",
        "spec.zone",
    ]
    assert await cluster.live() is None


async def test_what_the_api_server_refuses_names_its_fields_too(cluster: Cluster, editor: str) -> None:
    refused = await cluster.call("POST", LIST, editor, json={**CART, "metadata": {"name": "Not_A_Name"}})
    assert (refused.status, refused.fields) == (422, ["metadata.name"])
    assert "/apis/" not in refused.body["detail"], "our own request is nobody's business"


async def test_what_the_project_forbids_is_refused(cluster: Cluster, editor: str) -> None:
    missing = {**CART, "spec": {**SPEC, "project": "nobodys"}}
    refused = await cluster.call("POST", LIST, editor, json=missing)
    assert (refused.status, refused.fields) == (422, ["spec.project"])
    narrow = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "narrow"}}
    projects = f"/apis/argoproj.io/v1alpha1/namespaces/{cluster.home}/appprojects"
    await cluster.kube("POST", projects, narrow | {"spec": {"sourceRepos": ["https://git.example.com/other/*"]}})
    refused = await cluster.call("POST", LIST, editor, json={**CART, "spec": {**SPEC, "project": "narrow"}})
    assert refused.status == 422
    assert "spec.sourceRepos does not allow" in refused.body["detail"]


async def test_what_is_not_supported_yet_is_written_with_a_warning(cluster: Cluster, editor: str) -> None:
    source = {**SPEC["source"], "kustomize": {"namePrefix": "x-"}}
    made = await cluster.call("POST", LIST, editor, json={**CART, "spec": {**SPEC, "source": source}})
    assert made.status == 201
    assert made.headers["Warning"] == '299 - "spec.source.kustomize is not supported yet"'


async def test_what_was_read_can_be_changed_and_sent_back(cluster: Cluster, editor: str) -> None:
    await cluster.application(status={"sync": {"status": "Synced"}})
    annotations = {"pilothouse.dev/run": "1.2.3", "pilothouse.dev/kinds": "ConfigMap", "note": "old"}
    await cluster.patch(metadata={"annotations": annotations}, operation={"sync": {"prune": True}})
    body = (await read(cluster, editor)).body
    body["spec"]["source"]["targetRevision"] = "v2"
    body["metadata"]["annotations"] = {"note": "new"}
    changed = await cluster.call("PUT", ONE, editor, json=body)
    assert changed.status == 200, changed.body
    live = await cluster.live()
    assert live["spec"]["source"]["targetRevision"] == "v2"
    assert live["metadata"]["annotations"] == {
        "pilothouse.dev/run": "1.2.3",
        "pilothouse.dev/kinds": "ConfigMap",
        "note": "new",
    }
    assert (live["status"], live["operation"]) == ({"sync": {"status": "Synced"}}, {"sync": {"prune": True}})


async def test_two_editors_do_not_overwrite_each_other(cluster: Cluster, editor: str) -> None:
    await cluster.application()
    ada, bob = await read(cluster, editor), await read(cluster, editor)
    for found, branch in ((ada, "ada"), (bob, "bob")):
        found.body["spec"]["source"]["targetRevision"] = branch
    assert (await cluster.call("PUT", ONE, editor, json=ada.body)).status == 200
    late = await cluster.call("PUT", ONE, editor, json=bob.body)
    assert (late.status, late.body["title"]) == (409, "Changed meanwhile")
    del bob.body["metadata"]["resourceVersion"]
    late = await cluster.call("PUT", ONE, editor, json=bob.body, headers={"If-Match": bob.headers["ETag"]})
    assert (late.status, late.body["title"]) == (412, "Changed meanwhile")
    assert (await cluster.live())["spec"]["source"]["targetRevision"] == "ada"


async def test_a_change_says_which_version_it_is_of(cluster: Cluster, editor: str) -> None:
    await cluster.application()
    body = {"spec": {**SPEC, "project": ""}}
    assert (await cluster.call("PUT", ONE, editor, json=body)).status == 428
    assert (await cluster.call("PUT", ONE, editor, json=body, headers={"If-Match": 'W/"*"'})).status == 412
    assert (await cluster.call("PUT", ONE, editor, json=body, headers={"If-Match": "*"})).status == 200
    absent = await cluster.call("PUT", f"{LIST}/none", editor, json=body, headers={"If-Match": "*"})
    assert absent.status == 404


async def test_a_change_of_whatever_it_is_outlasts_writes_of_the_worker(cluster: Cluster, editor: str) -> None:
    await cluster.application()

    async def somebody_writes() -> None:
        for number in range(20):
            await cluster.patch(status={"sync": {"status": f"{number}"}})

    body, done = {"spec": SPEC}, asyncio.create_task(somebody_writes())
    changes = [await cluster.call("PUT", ONE, editor, json=body, headers={"If-Match": "*"}) for _ in range(5)]
    await done
    assert {change.status for change in changes} <= {200, 409}
    assert 200 in {change.status for change in changes}
    assert (await cluster.live())["status"] == {"sync": {"status": "19"}}, "no write of the status is lost"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": {"name": "other"}}, "metadata.name"),
        ({"metadata": {"namespace": "team"}}, "metadata.namespace"),
        ({"kind": "AppProject"}, "kind"),
        ({"operation": {"sync": {}}}, "operation"),
        ({"spec": {"project": "default"}}, "spec.source"),
    ],
)
async def test_a_change_cannot_make_something_else_of_it(
    change: dict[str, Any], field: str, cluster: Cluster, editor: str
) -> None:
    await cluster.application()
    body = {"spec": SPEC, **change}
    refused = await cluster.call("PUT", ONE, editor, json=body, headers={"If-Match": "*"})
    assert refused.status == 422
    assert field in refused.fields


async def test_a_change_of_one_that_was_deleted_and_made_again_is_refused(cluster: Cluster, editor: str) -> None:
    await cluster.application()
    body = {"metadata": {"uid": "another"}, "spec": SPEC}
    assert (await cluster.call("PUT", ONE, editor, json=body, headers={"If-Match": "*"})).status == 409


@pytest.mark.parametrize(
    ("before", "cascade", "after"),
    [
        ([], "true", [FINALIZER]),
        ([f"{FINALIZER}/background"], "true", [f"{FINALIZER}/background"]),
        ([FINALIZER, "x.example.com/y"], "false", ["x.example.com/y"]),
    ],
)
async def test_a_cascade_is_said_by_the_finalizer(
    before: list[str], cascade: str, after: list[str], cluster: Cluster, editor: str
) -> None:
    await cluster.application(metadata={"finalizers": before})
    deleted = await cluster.call("DELETE", f"{ONE}?cascade={cascade}", editor)
    assert deleted.status == 202
    live = await cluster.live()
    assert live["metadata"]["finalizers"] == after
    assert live["metadata"]["deletionTimestamp"]


async def test_without_a_cascade_it_is_gone_at_once(cluster: Cluster, editor: str) -> None:
    await cluster.application(metadata={"finalizers": [FINALIZER]})
    assert (await cluster.call("DELETE", f"{ONE}?cascade=false", editor)).status == 204
    assert await cluster.live() is None
    assert (await cluster.call("DELETE", ONE, editor)).status == 404


async def test_a_deletion_may_say_which_version_it_means(cluster: Cluster, editor: str) -> None:
    await cluster.application()
    tag = (await read(cluster, editor)).headers["ETag"]
    await cluster.patch(metadata={"labels": {"new": "1"}})
    assert (await cluster.call("DELETE", ONE, editor, headers={"If-Match": tag})).status == 412
    tag = (await read(cluster, editor)).headers["ETag"]
    assert (await cluster.call("DELETE", f"{ONE}?cascade=false", editor, headers={"If-Match": tag})).status == 204


async def test_writes_are_logged_with_who_did_them_and_without_a_token(
    cluster: Cluster, editor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await cluster.call("POST", LIST, editor, json=CART)
    await cluster.call("DELETE", f"{ONE}?cascade=false", editor)
    said = capsys.readouterr().out
    assert "application created" in said
    assert "application deleted" in said
    assert editor not in said
    assert json.dumps(SPEC["source"]["repoURL"]) not in said
