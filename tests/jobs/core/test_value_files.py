"""`valueFiles` and `fileParameters`: the rules of Argo CD's documentation, one test each."""

import pytest

from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.render_request import OWN, RepoFile
from jobs.core.source import FileParameter, HelmOptions
from jobs.core.value_files import Lookup, parameter_files, value_files
from tests.jobs.core.trees import a_tree

TREE = a_tree(
    *("common.yaml", "charts/web/Chart.yaml", "charts/web/values-prod.yaml", "charts/web/link.yaml@"),
    *("envs/a.yaml", "envs/z.yaml", "envs/nested/c.yaml", "envs/nested/deep/d.yaml", "envs/web/only.yaml"),
    *("linked@", "envs/notes.txt"),
)
LOOKUP = Lookup(
    "charts/web", {OWN: TREE, "env": a_tree("prod.yaml", "eu/a.yaml")}, {"ARGOCD_APP_NAME": "web", "EMPTY": ""}
)


def present(*written: str, ignore: bool = False) -> list[str]:
    return [str(file) for file in value_files(HelmOptions(written, ignore), LOOKUP).present]


def test_files_are_relative_to_the_chart_or_from_the_root() -> None:
    assert present("values-prod.yaml", "/common.yaml", "../../common.yaml", "./values-prod.yaml") == [
        *("charts/web/values-prod.yaml", "common.yaml", "common.yaml", "charts/web/values-prod.yaml")
    ]


def test_files_of_another_source_are_relative_to_its_root() -> None:
    assert value_files(HelmOptions(("$env/prod.yaml",)), LOOKUP).present == (RepoFile("prod.yaml", "env"),)
    assert present("$env/eu/*.yaml") == ["$env/eu/a.yaml"]


def test_variables_of_the_build_environment_are_filled_in() -> None:
    assert present("/envs/$ARGOCD_APP_NAME/*.yaml", "/envs/${ARGOCD_APP_NAME}/only.yaml") == ["envs/web/only.yaml"]


def test_a_glob_takes_the_files_of_a_folder_before_those_of_its_folders() -> None:
    expected = ["envs/a.yaml", "envs/z.yaml", "envs/nested/c.yaml", "envs/nested/deep/d.yaml", "envs/web/only.yaml"]
    assert present("/envs/**/*.yaml") == expected
    assert present("/envs/*.yaml") == expected[:2]
    assert present("/envs/{z,a}.yaml") == expected[:2]


def test_a_file_listed_by_name_keeps_its_place() -> None:
    assert present("/envs/*.yaml", "/envs/a.yaml") == ["envs/z.yaml", "envs/a.yaml"]
    assert present("/envs/a.yaml", "/envs/*.yaml") == ["envs/a.yaml", "envs/z.yaml"]


def test_of_two_globs_the_first_has_the_file() -> None:
    assert present("/envs/z*", "/envs/*.yaml") == ["envs/z.yaml", "envs/a.yaml"]


def test_a_missing_file_is_an_error_that_names_it() -> None:
    with pytest.raises(RenderError, match=r"valueFiles: 'charts/web/no\.yaml' does not exist at this revision"):
        present("no.yaml")
    with pytest.raises(RenderError, match=r"values file glob '/?no/\*\.yaml' matched no files"):
        present("/no/*.yaml")
    with pytest.raises(RenderError, match="is a folder"):
        present("/envs")


def test_missing_files_can_be_ignored_but_are_known() -> None:
    found = value_files(HelmOptions(("no.yaml", "/no/*.yaml", "values-prod.yaml"), True), LOOKUP)
    assert found.present == (RepoFile("charts/web/values-prod.yaml"),)
    assert found.missing == (RepoFile("charts/web/no.yaml"), RepoFile("no/*.yaml"))


def test_what_lies_behind_a_symlink_is_left_to_the_renderer() -> None:
    assert present("link.yaml", "/linked/any.yaml") == ["charts/web/link.yaml", "linked/any.yaml"]


@pytest.mark.parametrize("written", ["../../../x", "/../x", "$env/../x", "a\0b", "", "$EMPTY", "/"])
def test_a_path_out_of_the_repository_is_refused_by_the_field(written: str) -> None:
    with pytest.raises(InvalidSpecError, match=r"spec\.source\.helm\.valueFiles: .* leads out of the repository"):
        present(written, ignore=True)


@pytest.mark.parametrize("written", ["https://example.com/v.yaml", "s3://bucket/x", "secrets+age://x"])
def test_an_address_is_refused(written: str) -> None:
    with pytest.raises(InvalidSpecError, match="is an address"):
        present(written)


def test_an_unknown_reference_says_what_is_missing() -> None:
    with pytest.raises(InvalidSpecError, match="needs a source with `ref: values`"):
        present("$values/x.yaml")


def test_a_broken_pattern_is_refused() -> None:
    with pytest.raises(InvalidSpecError, match=r"is no pattern: a \[ is not closed"):
        present("/envs/[a")


def test_file_parameters_are_found_by_the_same_rules() -> None:
    assert parameter_files((FileParameter("ca", "$env/prod.yaml"), FileParameter("b", "/common.yaml")), LOOKUP) == (
        ("ca", RepoFile("prod.yaml", "env")),
        ("b", RepoFile("common.yaml")),
    )
    with pytest.raises(RenderError, match="fileParameters: 'charts/web/no' does not exist"):
        parameter_files((FileParameter("ca", "no"),), LOOKUP)
    with pytest.raises(InvalidSpecError, match=r"fileParameters: .* leads out"):
        parameter_files((FileParameter("ca", "../../../no"),), LOOKUP)
