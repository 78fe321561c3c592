"""The three dialects of globs."""

import pytest

from jobs.core.glob import GlobError, is_glob, path_glob, plain_glob, text_glob


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a/*.yaml", "a/b.yaml", True),
        ("a/*.yaml", "a/b/c.yaml", False),
        ("a/**/*.yaml", "a/b.yaml", True),
        ("a/**/*.yaml", "a/b/c/d.yaml", True),
        ("**", "a/b", True),
        ("**/b", "b", True),
        ("**/a/**/b", "x/a/y/a/b", True),
        ("**/a/**/b", "x/y/b", False),
        ("a**b", "axxb", True),
        ("a**b", "a/b", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a]x", "bx", True),
        ("[]a]", "]", True),
        ("{a,b{c,d}}e", "bde", True),
        ("{a,b{c,d}}e", "be", False),
        ("{,x}a", "a", True),
        (r"\*a", "*a", True),
        (r"\*a", "ba", False),
        (r"\{a,b\}", "{a,b}", True),
        ("*.y*ml", "x.yaml.yml", True),
        ("", "", True),
        ("a", "", False),
    ],
)
def test_paths(pattern: str, path: str, expected: bool) -> None:
    assert path_glob(pattern).matches(path) is expected


def test_text_globs_cross_folders() -> None:
    assert text_glob("*.yaml").matches("a/b/c.yaml")
    assert text_glob("{a,b}/*").matches("b/c/d")
    assert not text_glob("a?b").matches("a//b")


def test_plain_globs_know_no_braces() -> None:
    assert plain_glob("{a,b}").matches("{a,b}")
    assert not plain_glob("{a,b}").matches("a")


@pytest.mark.parametrize("pattern", ["[", "[a", "{a", "a\\", "x" * 2000, "{a,b}" * 20])
def test_what_is_no_glob_is_refused(pattern: str) -> None:
    with pytest.raises(GlobError):
        path_glob(pattern)


def test_a_hostile_pattern_costs_little() -> None:
    """A regular expression made of it would need ages."""
    assert not path_glob("*a" * 500 + "b").matches("a" * 1000)
    assert not path_glob("/".join(["**", "a"] * 200) + "/b").matches("/".join(["a"] * 400))


def test_names_and_patterns_are_told_apart() -> None:
    assert not is_glob("values-prod.yaml")
    assert all(map(is_glob, ["*", "a?", "[a]", "{a,b}"]))
