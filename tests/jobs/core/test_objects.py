"""Identity of objects, whatever their bodies hold."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.objects import ObjectId, group_and_version, identity, manifest_of, texts
from tests.builders import a_body
from tests.jobs.core.hostile import JSON, twisted


def test_an_id_leaves_the_version_out() -> None:
    manifest = manifest_of(a_body("Deployment", "web"))
    assert manifest.id == ObjectId("apps", "Deployment", "shop", "web")
    assert (manifest.version, manifest.api_version) == ("v1", "apps/v1")
    assert manifest_of(a_body()).api_version == "v1"


def test_an_id_is_written_as_people_read_it() -> None:
    assert str(ObjectId("apps", "Deployment", "shop", "web")) == "apps/Deployment shop/web"
    assert str(ObjectId("", "Namespace", "", "shop")) == "Namespace shop"


def test_only_text_entries_of_a_map_are_annotations() -> None:
    assert texts({"a": "b", "c": 1, 2: "d", "e": None}) == {"a": "b"}
    assert texts(["a"]) == {}


@given(twisted(a_body()) | st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_any_body_has_an_identity(body: dict[str, Any]) -> None:
    assert manifest_of(body).id == identity(body)
    assert isinstance(manifest_of(body).annotations, dict)


def test_the_secret_data_of_a_manifest_is_not_in_its_repr() -> None:
    assert "hunter2" not in repr(manifest_of(a_body("Secret", data={"a": "hunter2"})))


def test_the_core_group_is_empty() -> None:
    assert group_and_version("v1") == ("", "v1")
    assert group_and_version("apps/v1") == ("apps", "v1")
