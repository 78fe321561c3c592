"""Expected answers are Helm's own (`semverCompare` of the Helm SDK, Masterminds/semver v3.4)."""

import pytest

from jobs.core.semver_range import best, range_of, version_of

TAGS = ["v0.9.0", "1.0.0", "v1.2.0", "1.2.3", "1.3.0-rc.1", "1.10.0", "2.0.0-beta.2", "2.0.0-beta.11", "2.0.0", "main"]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("*", "2.0.0"),
        ("1.2.*", "1.2.3"),
        ("1.x", "1.10.0"),
        ("~1.2", "1.2.3"),
        ("~1.2.1", "1.2.3"),
        ("^1", "1.10.0"),
        ("^1.2.3", "1.10.0"),
        (">=1.0 <2", "1.10.0"),
        (">= 1.0, < 1.10.0", "1.2.3"),
        ("1.0 - 1.2", "1.2.3"),
        ("<=1.2", "1.2.3"),
        (">1.2", "2.0.0"),
        ("0.x || 1.2.x", "1.2.3"),
        ("!=2.0.0", "1.10.0"),
        ("=>1, =<1.3", "1.2.3"),
        ("~>1.2", "1.2.3"),
        ("^3", None),
    ],
)
def test_a_range_picks_the_highest_tag_it_holds(text: str, tag: str | None) -> None:
    assert best(text, TAGS) == tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        (">=1.2.4-0 <2", "2.0.0-beta.11"),
        ("~1.3.0-0", "1.3.0-rc.1"),
        (">=2.0.0-beta.1 <2.0.0", "2.0.0-beta.11"),
        ("<2.0.0-0 >=1.3.0-rc.1 !=1.10.0", "1.3.0-rc.1"),
        ("~1.3", None),
    ],
)
def test_a_prerelease_is_held_only_where_the_range_names_one(text: str, tag: str | None) -> None:
    tags = [name for name in TAGS if name != "2.0.0"]
    assert best(text, tags) == tag


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2", "1.0.0"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4", "0.1.0"]),
        ("^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]),
        ("^0", ["0.0.1", "0.9.9"], ["1.0.0"]),
        ("~0.0.0", ["0.0.0", "5.0.0"], ["0.0.0-a"]),
        ("~2", ["2.0.0", "2.9.9"], ["3.0.0", "1.9.9"]),
        (">11", ["12.0.0"], ["11.1.0", "11.0.0"]),
        ("!=1.2.x", ["1.3.0", "2.2.0"], ["1.2.0", "1.2.9"]),
        ("<1.2", ["1.1.9"], ["1.2.0"]),
    ],
)
def test_zero_versions_and_half_written_ones_follow_helm(text: str, inside: list[str], outside: list[str]) -> None:
    found = range_of(text)
    assert found
    for name in [*inside, *outside]:
        version = version_of(name)
        assert version
        assert found.holds(version) is (name in inside), name


@pytest.mark.parametrize(
    "text", ["1.2", "v1", "1.2.3", "1.2.3-rc.1", "main", "release-1.x", "", "||", "1.x ||", ">=", "1.2.3.*", "~a"]
)
def test_plain_versions_and_names_are_no_ranges(text: str) -> None:
    assert range_of(text) is None


def test_versions_sort_as_semver_says() -> None:
    written = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1"]
    versions = [version for text in written if (version := version_of(text))]
    assert len(versions) == len(written)
    assert sorted(versions, key=lambda version: version.order) == versions


@pytest.mark.parametrize("text", ["1.0.0-01", "1..0", "x", "1.0.0-", "1.0.0 ", "1" * 300, "\u0661.0.0"])
def test_what_is_no_version_is_passed_over(text: str) -> None:
    assert version_of(text) is None
    assert best("*", [text, "0.1.0"]) == "0.1.0"


def test_equal_versions_are_told_apart_by_name_so_that_the_choice_never_changes() -> None:
    assert best("1.x", ["v1.2.0", "1.2.0"]) == best("1.x", ["1.2.0", "v1.2.0"]) == "v1.2.0"
