"""One source of an Application."""

from typing import Any

import pytest
from hypothesis import given

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.source import FileParameter, Parameter, Source, source_of
from tests.jobs.core.hostile import APPLICATION, twisted

WRITTEN: dict[str, Any] = APPLICATION["spec"]["source"]  # type: ignore[index]


def read(**written: Any) -> Source:
    return source_of(Fields({"repoURL": "https://git.example.org/a.git", **written}, "spec.source"))


def test_helms_options_are_read_in_their_order() -> None:
    helm = read(**WRITTEN).helm
    assert helm is not None
    assert helm.parameters == (Parameter("a", "b", True),)
    assert helm.file_parameters == (FileParameter("a", "b"),)
    assert (helm.values_object, helm.values, helm.value_files) == ({"a": 1}, "a: 1", ("values.yaml",))


def test_an_empty_helm_block_is_not_the_same_as_none() -> None:
    assert read().helm is None
    assert read(helm={}).helm is not None


@pytest.mark.parametrize(
    ("path", "read_as"), [("./charts/web/", "charts/web"), ("", ""), (".", ""), ("a//b", "a/b"), ("..a/b..", "..a/b..")]
)
def test_a_path_has_one_form(path: str, read_as: str) -> None:
    assert read(path=path).path == read_as


@pytest.mark.parametrize("path", ["..", "a/../b", "/a", "a\0b", "a\nb", "./.."])
def test_a_path_that_leaves_the_repository_is_refused(path: str) -> None:
    with pytest.raises(InvalidSpecError, match="relative path inside the repository"):
        read(path=path)


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ({"kustomize": {"images": ["a"]}}, ("spec.source.kustomize",)),
        ({"plugin": {"name": "x"}}, ("spec.source.plugin",)),
        ({"directory": {"jsonnet": {"libs": ["a"]}}}, ("spec.source.directory.jsonnet",)),
        ({"directory": {"jsonnet": {"libs": []}}, "kustomize": {}}, ()),
    ],
)
def test_what_changes_the_render_and_is_not_known_is_named(written: dict[str, Any], paths: tuple[str, ...]) -> None:
    assert read(**written).unsupported == paths


@given(twisted(WRITTEN))
def test_any_source_is_read_or_invalid(written: dict[str, Any]) -> None:
    try:
        said = f"spec.source: {source_of(Fields(written, 'spec.source')).repo_url}"
    except InvalidSpecError as error:
        said = error.message
    assert said.startswith("spec.source")
