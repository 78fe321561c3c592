"""Objects on the wire: what the client sends for each verb, and how it reads the answer."""

import pytest

from jobs.core.errors import (
    Conflict,
    Refused,
)
from jobs.kube import Preconditions
from tests.jobs.wire import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    NAMESPACES,
    a_config_map,
    answering,
    response,
    serving,
    status,
)

SEEN = Preconditions("u-1", "7")


async def test_a_409_raises_a_conflict_that_names_verb_path_and_the_servers_words():
    async with serving(answering(response(409, status(409, "Conflict", "the object has been modified")))) as wire:
        kube = wire.kube()
        with pytest.raises(Conflict) as caught:
            await kube.apply(a_config_map(), CONFIG_MAPS, manager="pilothouse")
        await kube.close()
    assert "PATCH /api/v1/namespaces/shop/configmaps/web: the object has been modified" in caught.value.message
    assert (caught.value.status, caught.value.reason) == (409, "Conflict")
    assert len(wire.asked) == 1


async def test_apply_sends_what_server_side_apply_needs_and_returns_warnings():
    answer = response(201, a_config_map(), Warning='299 - "unknown field \\"spec.foo\\""')
    async with serving(answering(answer)) as wire:
        kube = wire.kube(token="t0k")
        given = await kube.apply(a_config_map(a="1"), CONFIG_MAPS, manager="pilothouse", dry_run=True, strict=False)
        await kube.close()
    assert given.status == 201
    assert given.warnings == ('unknown field "spec.foo"',)
    (asked,) = wire.asked
    assert asked.query == {"fieldManager": "pilothouse", "force": "true", "fieldValidation": "Ignore", "dryRun": "All"}
    assert asked.headers["content-type"] == "application/apply-patch+yaml"
    assert asked.headers["authorization"] == "Bearer t0k"
    assert asked.body == a_config_map(a="1")


async def test_apply_speaks_the_version_the_body_names():
    body = {"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}
    async with serving(answering(response(200, body))) as wire:
        kube = wire.kube()
        await kube.apply(body, DEPLOYMENTS, manager="pilothouse")
        await kube.close()
    assert wire.asked[0].path == "/apis/apps/v1beta1/namespaces/shop/deployments/web"
    assert wire.asked[0].query["fieldValidation"] == "Strict"


async def test_delete_sends_its_preconditions_and_takes_absence_as_done():
    gone = response(404, status(404, "NotFound", "not found"))
    async with serving(answering(response(200, a_config_map()), gone)) as wire:
        kube = wire.kube()
        assert await kube.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN, dry_run=True)
        assert await kube.delete(CONFIG_MAPS, "shop", "web", preconditions=SEEN) is None
        await kube.close()
    assert wire.asked[0].body == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u-1", "resourceVersion": "7"},
        "propagationPolicy": "Foreground",
        "dryRun": ["All"],
    }
    assert "dryRun" not in wire.asked[1].body


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../secrets/x", "a%2fb"])
async def test_a_name_that_would_address_something_else_is_refused_unsent(name):
    async with serving(answering(response(200, {}))) as wire:
        kube = wire.kube()
        with pytest.raises(Refused, match="is not allowed"):
            await kube.delete(CONFIG_MAPS, "shop", name, preconditions=Preconditions())
        with pytest.raises(Refused):
            await kube.get(NAMESPACES, None, name)
        if name:
            with pytest.raises(Refused):
                await kube.get(CONFIG_MAPS, name, "web")
        await kube.close()
    assert wire.asked == []


async def test_a_namespaced_object_without_a_namespace_is_refused_unsent():
    async with serving(answering(response(200, {}))) as wire:
        kube = wire.kube()
        with pytest.raises(Refused, match="has no namespace"):
            await kube.delete(CONFIG_MAPS, None, "web", preconditions=Preconditions())
        await kube.close()
    assert wire.asked == []


async def test_a_list_follows_its_pages_and_begins_anew_when_the_token_expires():
    def page(name, token=""):
        return response(
            200,
            {
                "kind": "ConfigMapList",
                "metadata": {"resourceVersion": "9", "continue": token},
                "items": [{"metadata": {"name": name}}],
            },
        )

    pages = [page("a", "t1"), response(410, status(410, "Expired", "too old")), page("a", "t2"), page("b")]
    async with serving(answering(*pages)) as wire:
        kube = wire.kube()
        listing = await kube.list(CONFIG_MAPS, label_selector="app=web")
        await kube.close()
    assert [item["metadata"]["name"] for item in listing.items] == ["a", "b"]
    assert {(item["apiVersion"], item["kind"]) for item in listing.items} == {("v1", "ConfigMap")}
    assert listing.resource_version == "9"
    assert [asked.query.get("continue") for asked in wire.asked] == [None, "t1", None, "t2"]
    assert wire.asked[0].query == {"labelSelector": "app=web", "limit": "500"}


async def test_a_large_list_comes_out_as_a_small_one_would():
    items = [{"metadata": {"name": f"cm-{number}"}, "data": {"text": "é" * 3000}} for number in range(300)]
    body = {"kind": "ConfigMapList", "metadata": {"resourceVersion": "5"}, "items": items}
    async with serving(answering(response(200, body))) as wire:
        kube = wire.kube()
        listing = await kube.list(CONFIG_MAPS)
        await kube.close()
    assert [item["data"] for item in listing.items] == [item["data"] for item in items]


async def test_metadata_only_asks_for_it_and_names_the_real_kind():
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": "web"}}
    async with serving(answering(response(200, partial))) as wire:
        kube = wire.kube()
        found = await kube.get(DEPLOYMENTS, "shop", "web", metadata_only=True)
        await kube.close()
    assert found == {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    assert "as=PartialObjectMetadata;" in wire.asked[0].headers["accept"]


async def test_a_failed_test_of_a_json_patch_is_a_conflict():
    words = "the server rejected our request due to an error in our request"
    invalid = response(422, status(422, "Invalid", 'ConfigMap "web" is invalid: data[b c]: Invalid value: "b c"'))
    failed = response(422, status(422, "Invalid", words))
    async with serving(answering(invalid, failed)) as wire:
        kube = wire.kube()
        with pytest.raises(Refused):
            await kube.patch_json(CONFIG_MAPS, "shop", "web", [{"op": "test", "path": "/x", "value": 1}], manager="m")
        with pytest.raises(Conflict):
            await kube.patch_json(CONFIG_MAPS, "shop", "web", [{"op": "test", "path": "/x", "value": 1}], manager="m")
        with pytest.raises(Refused):
            await kube.patch_json(CONFIG_MAPS, "shop", "web", [{"op": "remove", "path": "/x"}], manager="m")
        await kube.close()
