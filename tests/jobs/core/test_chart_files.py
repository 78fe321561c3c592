"""What a chart's folder leads to: local dependencies and the ends of symlinks."""

import pytest

from jobs.core.chart_files import joined, needed
from jobs.core.tree import Tree
from tests.jobs.core.trees import a_tree


def complete(tree: Tree, paths: list[str], contents: dict[str, str]) -> tuple[str, ...]:
    """Ask until everything is known, as the worker does."""
    known: dict[str, bytes] = {}
    for _ in range(10):
        found = needed(tree, paths, known)
        if not found.unread:
            return found.paths
        known |= {path: contents[path].encode() for path in found.unread}
    raise AssertionError("asked ten times")


def dependency(url: str) -> str:
    return f"name: a\ndependencies:\n- name: x\n  repository: '{url}'\n"


def test_a_folder_without_dependencies_is_enough() -> None:
    tree = a_tree("web/Chart.yaml", "web/templates/a.yaml", "values.yaml", "other/b")
    assert complete(tree, ["web", "values.yaml"], {"web/Chart.yaml": "name: web"}) == ("values.yaml", "web")


def test_file_dependencies_are_followed_through_several_charts() -> None:
    tree = a_tree(
        "apps/web/Chart.yaml", "lib/Chart.yaml", "base/requirements.yaml", "base/t", "deep/Chart.yaml", "no/x"
    )
    contents = {
        "apps/web/Chart.yaml": dependency("file://../../lib"),
        "lib/Chart.yaml": "dependencies: [{repository: file://../base/}]",
        "base/requirements.yaml": dependency("file://../deep"),
        "deep/Chart.yaml": dependency("file://../apps/web"),
    }
    assert complete(tree, ["apps/web"], contents) == ("apps/web", "base", "deep", "lib")


def test_dependencies_out_of_the_repository_are_left_to_the_renderer() -> None:
    tree = a_tree("web/Chart.yaml")
    assert complete(tree, ["web"], {"web/Chart.yaml": dependency("file://../../etc")}) == ("web",)
    assert complete(tree, ["web"], {"web/Chart.yaml": dependency("file:///etc")}) == ("web",)


def test_the_ends_of_symlinks_are_needed_too() -> None:
    tree = a_tree(
        "web/Chart.yaml", "web/values.yaml@", "web/templates@", "shared/v.yaml@", "shared/t/a.yaml", "real.yaml"
    )
    contents = {
        "web/Chart.yaml": "name: web",
        "web/values.yaml": "../shared/v.yaml",
        "web/templates": "../shared/t",
        "shared/v.yaml": "../real.yaml",
    }
    assert complete(tree, ["web"], contents) == ("real.yaml", "shared/t", "shared/v.yaml", "web")


def test_a_path_through_a_linked_folder_is_found() -> None:
    tree = a_tree("current@", "releases/1/values.yaml", "web/Chart.yaml")
    contents = {"current": "releases/1", "web/Chart.yaml": ""}
    assert complete(tree, ["web", "current/values.yaml"], contents) == ("current", "releases/1/values.yaml", "web")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "a@", "missing", "web"])
def test_links_that_lead_nowhere_or_in_circles_end(target: str) -> None:
    tree = a_tree("web/Chart.yaml", "web/a@", "web/b@")
    contents = {"web/Chart.yaml": "", "web/a": target, "web/b": "a"}
    assert complete(tree, ["web"], contents) == ("web",)


def test_the_root_of_a_repository_can_be_a_chart() -> None:
    assert complete(a_tree("Chart.yaml", "templates/a"), [""], {"Chart.yaml": ""}) == ("",)


def test_joined_stays_inside() -> None:
    assert joined("a/b", "../c") == "a/c"
    assert joined("a", "..") == ""
    assert joined("", "a/./b//c/") == "a/b/c"
    assert joined("a", "../..") is None
    assert joined("a", "/etc") is None
    assert joined("", "..a") == "..a"
