"""Which tool renders a source."""

import pytest

from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.render_request import Tool
from jobs.core.source import DirectoryOptions, HelmOptions, Source
from jobs.core.tool import tool_of
from tests.jobs.core.trees import a_tree

TREE = a_tree(
    "web/Chart.yaml",
    "plain/a.yaml",
    "kust/kustomization.yaml",
    "over/.argocd-source.yaml",
    "app/.argocd-source-web.yaml",
    "link@",
)


def a_source(path: str, helm: HelmOptions | None = None, directory: DirectoryOptions | None = None) -> Source:
    return Source("https://git/x", path, "main", helm=helm, directory=directory)


def test_the_folder_decides_unless_the_spec_does() -> None:
    assert tool_of(a_source("web"), TREE, "web") is Tool.HELM
    assert tool_of(a_source("plain"), TREE, "web") is Tool.DIRECTORY
    assert tool_of(a_source("web", directory=DirectoryOptions()), TREE, "web") is Tool.DIRECTORY
    assert tool_of(a_source("plain", helm=HelmOptions()), TREE, "web") is Tool.HELM
    assert tool_of(a_source(""), TREE, "web") is Tool.DIRECTORY


def test_two_tools_are_refused() -> None:
    with pytest.raises(InvalidSpecError, match="both helm and directory"):
        tool_of(a_source("web", HelmOptions(), DirectoryOptions()), TREE, "web")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("kust", "Kustomize is not supported yet"),
        ("no", r"spec\.source\.path 'no' does not exist in https://git/x at this revision"),
        ("plain/a.yaml", "is no folder"),
        ("link", "is a symbolic link"),
        ("over", r"\.argocd-source\.yaml, which is not supported"),
        ("app", r"\.argocd-source-web\.yaml, which is not supported"),
    ],
)
def test_what_cannot_be_rendered_says_why(path: str, words: str) -> None:
    with pytest.raises(RenderError, match=words):
        tool_of(a_source(path), TREE, "web")


def test_overrides_of_another_application_do_not_matter() -> None:
    assert tool_of(a_source("app"), TREE, "other") is Tool.DIRECTORY
