"""Application objects on an API server: every write is fenced, and touches nothing but what it names."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from deploy.sandbox import Sandbox
from jobs.core.application import KINDS, REFRESH, RUN, Application, application_of
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.deletion import CASCADE as FINALIZER
from jobs.core.errors import Conflict, NotFound
from jobs.kube import Kube
from jobs.store import APPLICATIONS, EDITOR, PROJECTS, Applications, Event, Listed
from tests.builders import an_application_body
from tests.controlplane.coordinates import Coordinates
from tests.controlplane.request import KubeRequest, open_session
from tests.deploy.cluster import install_crds

HOME = "default"
STATUS = {"sync": {"status": "Synced", "comparedTo": {"destination": {}, "source": {"repoURL": "x"}}}}


@pytest.fixture
async def kube() -> AsyncIterator[Kube]:
    async with Sandbox.serve(port=0) as sandbox:
        where = Coordinates(sandbox.url, "", sandbox.admin_token, "", {}, True, {})
        async with open_session(where) as session:
            await install_crds(KubeRequest(session, where))
        client = Kube.at(ClusterCredentials(sandbox.url, token=sandbox.admin_token))
        yield client
        await client.close()


@pytest.fixture
def applications(kube: Kube) -> Applications:
    return Applications(kube)


async def made(kube: Kube, **over: Any) -> Application:
    body = an_application_body(**over)
    body["metadata"] = {**body["metadata"], "namespace": HOME}
    for name in ("uid", "resourceVersion", "generation"):
        del body["metadata"][name]
    return application_of((await kube.create(body, APPLICATIONS, manager="somebody")).body)


async def read(applications: Applications, name: str = "web") -> Application:
    body = await applications.get(HOME, name)
    assert body is not None
    return application_of(body)


async def test_what_is_not_there_is_none(applications: Applications) -> None:
    assert await applications.get(HOME, "nobody") is None


async def test_a_record_writes_status_and_annotations_and_leaves_the_spec(
    kube: Kube, applications: Applications
) -> None:
    before = await made(kube)
    await applications.record(before, annotations={RUN: "r.t.k", "note": "x"}, status=STATUS)
    after = await read(applications)
    assert (after.spec, after.status, after.annotations) == (before.spec, STATUS, {RUN: "r.t.k", "note": "x"})
    await applications.record(after, annotations={RUN: "r.u.k", "note": None, "absent": None})
    assert (await read(applications)).annotations == {RUN: "r.u.k"}


async def test_of_two_that_read_the_same_only_the_first_writes(kube: Kube, applications: Applications) -> None:
    for before in (await made(kube), None):
        seen = before or await read(applications)
        await applications.record(seen, annotations={RUN: f"first-{bool(before)}"})
        with pytest.raises(Conflict):
            await applications.record(seen, annotations={RUN: "second"})
        assert (await read(applications)).annotations[RUN] == f"first-{bool(before)}"


async def test_a_change_of_the_spec_between_two_records_does_no_harm(kube: Kube, applications: Applications) -> None:
    await applications.record(await made(kube), annotations={RUN: "one"})
    seen = await read(applications)
    change = {"spec": {"source": {"targetRevision": "v2"}}}
    await kube.patch_merge(APPLICATIONS, HOME, "web", change, manager="somebody")
    await applications.record(seen, annotations={RUN: "two"}, status=STATUS)
    after = await read(applications)
    assert (after.sources[0].target_revision, after.annotations[RUN]) == ("v2", "two")


async def test_an_operation_is_taken_only_if_it_is_the_one_that_was_seen(
    kube: Kube, applications: Applications
) -> None:
    seen = await made(kube, operation={"sync": {"prune": True}})
    await applications.record(seen, annotations={RUN: "one"}, take_operation=True)
    assert (await read(applications)).operation is None
    again = await read(applications)
    await applications.request_sync(HOME, "web", {"sync": {}}, again.resource_version)
    asked = await read(applications)
    await kube.patch_merge(APPLICATIONS, HOME, "web", {"operation": {"sync": {"prune": True}}}, manager="somebody")
    with pytest.raises(Conflict):
        await applications.record(asked, annotations={RUN: "two"}, take_operation=True)
    assert (await read(applications)).operation is not None


async def test_a_sync_is_asked_for_only_of_the_application_that_was_read(
    kube: Kube, applications: Applications
) -> None:
    seen = await made(kube)
    await applications.request_refresh(HOME, "web", "hard")
    assert (await read(applications)).annotations == {REFRESH: "hard"}
    with pytest.raises(Conflict):
        await applications.request_sync(HOME, "web", {"sync": {}}, seen.resource_version)


async def test_only_our_finalizer_is_dropped_and_only_where_it_was_seen(kube: Kube, applications: Applications) -> None:
    seen = await made(kube, metadata={"finalizers": ["other.example.org/a", FINALIZER]})
    assert await applications.drop_finalizers(seen, [FINALIZER, "never-there"])
    assert (await read(applications)).finalizers == ("other.example.org/a",)
    with pytest.raises(Conflict):
        await applications.drop_finalizers(seen, [FINALIZER])


async def test_several_finalizers_are_dropped_at_once(kube: Kube, applications: Applications) -> None:
    seen = await made(kube, metadata={"finalizers": [FINALIZER, "other.example.org/a", f"{FINALIZER}/background"]})
    await applications.drop_finalizers(seen, [FINALIZER, f"{FINALIZER}/background"])
    assert (await read(applications)).finalizers == ("other.example.org/a",)


async def test_dropping_the_finalizer_of_what_is_gone_is_as_good(kube: Kube, applications: Applications) -> None:
    seen = await made(kube, metadata={"finalizers": [FINALIZER]})
    await applications.drop_finalizers(await read(applications), [FINALIZER])
    await kube.request("DELETE", APPLICATIONS.path(HOME, "web"))
    assert await applications.drop_finalizers(seen, [FINALIZER]) is None


async def test_finalizers_are_only_set_on_the_application_that_was_read(kube: Kube, applications: Applications) -> None:
    seen = await made(kube, metadata={"finalizers": ["other.example.org/a"]})
    await applications.record(seen, annotations={RUN: "one"}, finalizers=("other.example.org/a", FINALIZER))
    assert (await read(applications)).finalizers == ("other.example.org/a", FINALIZER)
    with pytest.raises(Conflict):
        await applications.record(seen, annotations={RUN: "one"}, finalizers=())


async def test_kinds_are_forgotten_once(kube: Kube, applications: Applications) -> None:
    await applications.record(await made(kube), annotations={RUN: "one", KINDS: "ConfigMap"})
    forgotten = await applications.forget_kinds(await read(applications))
    assert forgotten.annotations[KINDS] == ""
    assert await applications.forget_kinds(forgotten) is forgotten


async def test_nothing_is_recorded_on_an_application_that_is_gone(kube: Kube, applications: Applications) -> None:
    seen = await made(kube)
    await kube.request("DELETE", APPLICATIONS.path(HOME, "web"))
    with pytest.raises(NotFound):
        await applications.record(seen, annotations={RUN: "one"})


async def test_lists_come_in_pages(kube: Kube, applications: Applications) -> None:
    for name in ("a", "b", "c"):
        await made(kube, metadata={"name": name})
    page, more = await applications.list(HOME, limit=2)
    rest, end = await applications.list(HOME, limit=2, continue_=more)
    assert ([item["metadata"]["name"] for item in page + rest], end) == (["a", "b", "c"], "")


def compared(status: str, revision: str) -> dict[str, Any]:
    return {"sync": {**STATUS["sync"], "status": status, "revision": revision}}


async def test_a_moved_revision_leaves_a_newer_status_as_it_is(kube: Kube, applications: Applications) -> None:
    await applications.record(await made(kube), annotations={RUN: "a.1"}, status=compared("Synced", "old"))
    seen = await read(applications)
    await applications.record(seen, annotations={RUN: "a.1"}, status=compared("OutOfSync", "old"))
    await applications.move_revision(seen, {"revision": "new"})
    assert (await read(applications)).status == compared("OutOfSync", "new")


async def test_a_revision_is_not_moved_after_another_run_wrote(kube: Kube, applications: Applications) -> None:
    await applications.record(await made(kube), annotations={RUN: "a.1"}, status=compared("Synced", "old"))
    seen = await read(applications)
    await applications.record(seen, annotations={RUN: "b.1"}, status=compared("Synced", "newest"))
    with pytest.raises(Conflict):
        await applications.move_revision(seen, {"revision": "new"})
    assert (await read(applications)).status == compared("Synced", "newest")


async def test_a_whole_application_is_only_replaced_in_the_version_that_was_read(applications: Applications) -> None:
    body = an_application_body()
    metadata = {"name": "web", "namespace": HOME}
    written = await applications.create(HOME, {**body, "metadata": metadata})
    assert (written.status, written.body["metadata"]["managedFields"][0]["manager"]) == (201, EDITOR)
    with pytest.raises(Conflict):
        await applications.create(HOME, {**body, "metadata": metadata})
    newer = {**written.body, "spec": {**body["spec"], "project": "web"}}
    assert (await applications.replace(HOME, "web", newer)).body["spec"]["project"] == "web"
    with pytest.raises(Conflict):
        await applications.replace(HOME, "web", newer)


async def test_only_the_application_that_was_meant_is_deleted(kube: Kube, applications: Applications) -> None:
    application = await made(kube)
    with pytest.raises(Conflict):
        await applications.delete(HOME, "web", uid="another")
    with pytest.raises(Conflict):
        await applications.delete(HOME, "web", uid=application.uid, resource_version="1")
    with pytest.raises(Conflict):
        await applications.set_finalizers(HOME, "web", [FINALIZER], "1")
    changed = await applications.set_finalizers(HOME, "web", [FINALIZER], application.resource_version)
    left = await applications.delete(HOME, "web", uid=application.uid, resource_version=changed_version(changed))
    assert left
    assert left["metadata"]["deletionTimestamp"]
    assert await applications.delete(HOME, "nobody", uid="x") is None


def changed_version(body: dict[str, Any]) -> str:
    return str(body["metadata"]["resourceVersion"])


async def test_what_is_followed_begins_with_all_and_their_version(kube: Kube, applications: Applications) -> None:
    await made(kube)
    async with aclosing(applications.follow(HOME)) as events:
        first = await anext(events)
        assert isinstance(first, Listed)
        assert [item["metadata"]["name"] for item in first.items] == ["web"]
        assert first.resource_version.isdecimal()
        await applications.request_refresh(HOME, "web", "normal")
        event = await anext(events)
    assert isinstance(event, Event)
    assert (event.type, int(event.object["metadata"]["resourceVersion"]) > int(first.resource_version)) == (
        "MODIFIED",
        True,
    )


async def test_a_project_is_read_by_its_name(kube: Kube, applications: Applications) -> None:
    assert await applications.project(HOME, "web") is None
    body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "web", "namespace": HOME}}
    await kube.create({**body, "spec": {}}, PROJECTS, manager="somebody")
    assert (await applications.project(HOME, "web") or {})["kind"] == "AppProject"
