"""Plain folders: which files are manifests."""

import pytest

from jobs.core.directory import chosen, is_skipped
from jobs.core.errors import InvalidSpecError

FILES = ["b.yaml", "a.yml", "c.json", "README.md", "sub/d.yaml", "sub/deep/e.yaml"]


def test_only_manifests_of_the_folder_itself_sorted() -> None:
    assert chosen(FILES, recurse=False) == ["a.yml", "b.yaml", "c.json"]


def test_recursion_takes_all_floors() -> None:
    assert chosen(FILES, recurse=True) == ["a.yml", "b.yaml", "c.json", "sub/d.yaml", "sub/deep/e.yaml"]


def test_patterns_see_the_whole_path_and_exclude_wins() -> None:
    assert chosen(FILES, recurse=True, include="{*.json,sub/*}") == ["c.json", "sub/d.yaml", "sub/deep/e.yaml"]
    assert chosen(FILES, recurse=True, include="*.yaml", exclude="sub/deep/*") == ["b.yaml", "sub/d.yaml"]


@pytest.mark.parametrize("field", ["include", "exclude"])
def test_a_broken_pattern_names_its_field(field: str) -> None:
    with pytest.raises(InvalidSpecError, match=rf"spec\.source\.directory\.{field} '\[a' is no pattern"):
        chosen(FILES, recurse=False, **{field: "[a"})


def test_a_file_can_ask_to_be_skipped() -> None:
    assert is_skipped("# +argocd:skip-file-rendering\nkind: X\n")
    assert not is_skipped("kind: X\n")
