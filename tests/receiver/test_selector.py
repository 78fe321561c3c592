"""Label selectors, as Kubernetes reads them."""

import re

import pytest

from receiver.selector import SELECTOR, selects

WEB = {"team": "web", "tier": "4", "x.example.org/y": ""}


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        ("", True),
        ("team", True),
        ("!team", False),
        ("team=web", True),
        ("team==web,tier=4", True),
        ("team = web, tier != 5", True),
        ("team!=web", False),
        ("absent!=x", True),
        ("team in (api, web)", True),
        ("team notin (api,web)", False),
        ("absent notin (x)", True),
        ("absent in (x)", False),
        ("tier>3,tier<5", True),
        ("tier > 4", False),
        ("team>3", False),
        ("absent<3", False),
        ("x.example.org/y=", True),
        ("x.example.org/y", True),
    ],
)
def test_labels_are_selected(selector: str, meant: bool) -> None:
    assert re.search(SELECTOR, selector)
    assert selects(selector, WEB) is meant


@pytest.mark.parametrize("text", ["!!", "a in", "a in (", "=a", "a=b=c", "a,", "-a", "a b", "a/b/c", "a=b c", "ä"])
def test_what_is_no_selector_is_none(text: str) -> None:
    assert not re.search(SELECTOR, text)


@pytest.mark.parametrize("text", ["x in (" + " ,"] + [part * 400 for part in ("a.", "a,", " ,", "a=(", "a in (", "a/")])
def test_a_hostile_one_is_refused_at_once(text: str) -> None:
    assert not re.search(SELECTOR, text + "\u0000")
