"""The `--set` language, by what Helm 4 itself answers for the same text, and merging."""

from typing import Any

import pytest

from jobs.core.helm_integers import file_name, restoring_template
from jobs.core.helm_values import SetInteger, ValuesError, escaped, merged, set_value


def after(*pairs: tuple[str, str], start: dict[str, Any] | None = None) -> dict[str, Any]:
    values: dict[str, Any] = start if start is not None else {}
    for name, value in pairs:
        set_value(values, name, value)
    return values


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("a", "1", {"a": 1}),
        ("a", "", {"a": ""}),
        ("a", "true", {"a": True}),
        ("a", "FALSE", {"a": False}),
        ("a", "null", {"a": None}),
        ("a", "0", {"a": 0}),
        ("a", "007", {"a": "007"}),
        ("a", "-9", {"a": -9}),
        ("a", "-09", {"a": -9}),
        ("a", "+5", {"a": 5}),
        ("a", "1.5", {"a": "1.5"}),
        ("a", "1e3", {"a": "1e3"}),
        ("a", "9223372036854775807", {"a": 9223372036854775807}),
        ("a", "9223372036854775808", {"a": "9223372036854775808"}),
        ("a", "9" * 5000, {"a": "9" * 5000}),
        ("a", " b", {"a": " b"}),
        ("a", "=b", {"a": "=b"}),
        ("a", "x,y", {"a": "x,y"}),
        ("a", r"x\,y", {"a": "x,y"}),
        ("a", "{}", {"a": [""]}),
        ("a", "{1,}", {"a": [1, ""]}),
        ("a", "{x,true,null}", {"a": ["x", True, None]}),
        ("a", r"{1\,2}", {"a": ["1,2"]}),
        ("a", r"\{x", {"a": "{x"}),
        ("a", "b\\", {"a": "b"}),
        ("a.b.c", "1", {"a": {"b": {"c": 1}}}),
        (r"a\.b", "1", {"a.b": 1}),
        ("a[1]", "x", {"a": [None, "x"]}),
        ("a[0].b", "x", {"a": [{"b": "x"}]}),
        ("a[1][1]", "5", {"a": [None, [None, 5]]}),
        ("a[0]", "{b,c}", {"a": [["b", "c"]]}),
        ("é", "ü", {"é": "ü"}),
        ("", "1", {}),
    ],
)
def test_one_parameter(name: str, value: str, expected: dict[str, Any]) -> None:
    assert after((name, value)) == expected


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("a", "{b", "list must terminate"),
        ("a,b", "1", "cannot end with ,"),
        ("a[x]", "1", "not a list index"),
        ("a[-1]", "1", "not between 0 and 65536"),
        ("a[65537]", "1", "not between 0 and 65536"),
        ("a[0]x", "1", "unexpected text"),
        ("a[0", "1", "not a list index"),
        ("a.", "1", "has no value"),
        ("a" + ".a" * 31, "1", "more than 30 nested names"),
        ("a" + "[0]" * 5000, "1", "too many nested lists"),
    ],
)
def test_what_helm_refuses_is_refused_with_the_name(name: str, value: str, words: str) -> None:
    with pytest.raises(ValuesError, match=words):
        after((name, value))


def test_later_parameters_build_on_earlier_ones_and_on_value_files() -> None:
    start = {"a": {"x": 1}, "l": [{"n": 1}, {"n": 2}]}
    found = after(("a.y", "2"), ("l[1].m", "3"), ("l[2].n", "4"), start=start)
    assert found == {"a": {"x": 1, "y": 2}, "l": [{"n": 1}, {"n": 2, "m": 3}, {"n": 4}]}


def test_a_parameter_below_a_plain_value_is_refused() -> None:
    with pytest.raises(ValuesError, match="'a' is text"):
        after(("a.b", "1"), start={"a": "x"})
    with pytest.raises(ValuesError, match="'a' is a number, not a list"):
        after(("a[0]", "1"), start={"a": 1})


def test_commas_are_text_except_in_lists() -> None:
    assert escaped("a,b") == r"a\,b"
    assert escaped(r"a\,b") == r"a\,b"
    assert escaped("{a,b}") == "{a,b}"


def test_mappings_merge_and_everything_else_is_replaced() -> None:
    base = {"a": {"x": 1, "y": 1}, "l": [1, 2], "s": 1, "m": {"k": 1}}
    over = {"a": {"y": 2}, "l": [3], "s": None, "m": 5}
    assert merged(base, over) == {"a": {"x": 1, "y": 2}, "l": [3], "s": None, "m": 5}
    assert base["a"] == {"x": 1, "y": 1}


def test_only_whole_numbers_of_parameters_are_restored() -> None:
    values: dict[str, Any] = {"a": 1, "b": SetInteger(2), "c": {"d": [1, SetInteger(3)]}, 'q"}}': SetInteger(4)}
    template = restoring_template(values)
    assert template.count("set $m") == 3
    assert 'set $m "b" (int64 2)' in template
    assert 'set $m "d" (list (index (index $m "d") 0) (int64 3))' in template
    assert r'"q\"}}"' in template
    assert restoring_template({"a": 1, "l": ["x"]}) == ""


def test_the_restoring_template_lies_deeper_than_all_others() -> None:
    name = file_name(["templates/a/b/c.yaml", "charts/x/templates/a.yaml"])
    assert name.startswith("templates/")
    assert name.count("/") > 3
