"""`.helmignore` by Helm's rules."""

import pytest

from jobs.core.errors import RenderError
from jobs.core.helm_ignore import kept, rules_of

FILES = ["Chart.yaml", "a.txt", "b/a.txt", "b/c.md", "docs/x/y.md", "templates/.hidden", "templates/a.yaml", "x y"]


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("", {"templates/.hidden"}),
        ("# only a comment\n\n", {"templates/.hidden"}),
        ("*.txt", {"a.txt", "b/a.txt"}),
        ("/a.txt", {"a.txt"}),
        ("/*.txt", {"a.txt"}),
        ("b/*.md", {"b/c.md"}),
        ("docs/", {"docs/x/y.md"}),
        ("x", {"docs/x/y.md"}),
        ("x/", {"docs/x/y.md"}),
        ("a.txt/", set()),
        ("x y", {"x y"}),
        ("[ab].txt\r\n", {"a.txt", "b/a.txt"}),
    ],
)
def test_rules(text: str, gone: set[str]) -> None:
    assert set(FILES) - set(kept(FILES, rules_of(text))) == gone | {"templates/.hidden"}


def test_a_negated_rule_ignores_all_that_does_not_match() -> None:
    assert kept(["Chart.yaml", "a.txt"], rules_of("!*.yaml")) == ["Chart.yaml"]


@pytest.mark.parametrize("line", ["a/**/b", "[a"])
def test_a_line_helm_refuses_is_named(line: str) -> None:
    with pytest.raises(RenderError, match=r"\.helmignore, line 2: .* is no pattern"):
        rules_of(f"ok\n{line}\n")
