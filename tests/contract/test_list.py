"""Lists: pages of one state, label and field selectors, metadata only, revisions."""

import pytest

from tests.contract.api import CORE, METADATA_LIST, Api
from tests.contract.manifests import config_map


@pytest.fixture
async def five(api: Api) -> str:
    """The path of ConfigMaps c0 to c4, labelled with their number and whether it is odd."""
    path = api.path(CORE, "configmaps")
    await api.until(f"{path}/kube-root-ca.crt", lambda answer: answer.status == 200)
    for number in range(5):
        labels = {"t": "1", "n": str(number), **({"odd": "yes"} if number % 2 else {})}
        await api.create(path, config_map(f"c{number}", labels=labels))
    return path


async def found(api: Api, path: str, **params: str) -> list[str]:
    return [item["metadata"]["name"] for item in (await api.get(path, **params))["items"]]


async def test_a_list_names_its_kind_once(api: Api, five: str) -> None:
    listed = await api.get(five, labelSelector="t=1")
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert int(listed["metadata"]["resourceVersion"]) > 0
    assert all("kind" not in item and "apiVersion" not in item for item in listed["items"])
    assert await found(api, five, labelSelector="t=1") == ["c0", "c1", "c2", "c3", "c4"]


async def test_pages_show_one_state(api: Api, five: str) -> None:
    first = await api.get(five, limit="2")
    assert first["metadata"]["remainingItemCount"] == 4, "three of ours and the cluster's own"
    await api.create(five, config_map("c22"))
    await api("DELETE", f"{five}/c3")
    second = await api.get(five, limit="2", **{"continue": first["metadata"]["continue"]})
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    last = await api.get(five, limit="20", **{"continue": second["metadata"]["continue"]})
    assert not last["metadata"].get("continue")
    pages = [item["metadata"]["name"] for page in (first, second, last) for item in page["items"]]
    assert [name for name in pages if name != "kube-root-ca.crt"] == ["c0", "c1", "c2", "c3", "c4"]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("t=1,odd=yes", ["c1", "c3"]),
        ("t==1,odd!=yes", ["c0", "c2", "c4"]),
        ("odd", ["c1", "c3"]),
        ("t,!odd", ["c0", "c2", "c4"]),
        ("n in (1, 2),t", ["c1", "c2"]),
        ("t,n notin (1,2)", ["c0", "c3", "c4"]),
        ("n>2", ["c3", "c4"]),
        ("t=none", []),
    ],
)
async def test_labels_select(api: Api, five: str, selector: str, names: list[str]) -> None:
    assert await found(api, five, labelSelector=selector) == names


@pytest.mark.parametrize("selector", ["n in 1", "a b", "=x", "n=("])
async def test_a_broken_label_selector_is_400(api: Api, five: str, selector: str) -> None:
    assert (await api("GET", five, labelSelector=selector)).status == 400


async def test_fields_select(api: Api, five: str) -> None:
    assert await found(api, five, fieldSelector="metadata.name=c1") == ["c1"]
    assert await found(api, five, fieldSelector="metadata.name!=c1", labelSelector="odd") == ["c3"]
    everywhere = f"metadata.namespace={api.namespace},metadata.name=c2"
    assert await found(api, "/api/v1/configmaps", fieldSelector=everywhere) == ["c2"]
    assert (await api("GET", five, fieldSelector="data.k=v")).status == 400


async def test_metadata_alone_can_be_listed(api: Api, five: str) -> None:
    answer = await api("GET", five, labelSelector="odd", headers={"Accept": METADATA_LIST})
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    (first, _) = answer.body["items"]
    assert first.keys() == {"kind", "apiVersion", "metadata"}
    assert (first["kind"], first["metadata"]["name"]) == ("PartialObjectMetadata", "c1")


async def test_a_past_revision_can_be_listed_exactly(api: Api, five: str) -> None:
    then = (await api.get(five))["metadata"]["resourceVersion"]
    await api("DELETE", f"{five}/c0")
    exact = {"resourceVersion": then, "resourceVersionMatch": "Exact"}
    assert await found(api, five, labelSelector="t", **exact) == ["c0", "c1", "c2", "c3", "c4"]
    assert await found(api, five, labelSelector="t") == ["c1", "c2", "c3", "c4"]


async def test_a_revision_of_the_future_is_504(api: Api, five: str) -> None:
    answer = await api("GET", five, resourceVersion="999999999")
    assert (answer.status, answer.body["reason"]) == (504, "Timeout")


@pytest.mark.parametrize("params", [{"limit": "x"}, {"continue": "zzz"}, {"resourceVersion": "abc"}])
async def test_nonsense_is_400(api: Api, five: str, params: dict[str, str]) -> None:
    assert (await api("GET", five, headers=None, **params)).status == 400


async def test_a_collection_is_deleted_by_selector(api: Api, five: str) -> None:
    assert (await api("DELETE", five, labelSelector="odd")).status == 200
    assert await found(api, five, labelSelector="t") == ["c0", "c2", "c4"]
