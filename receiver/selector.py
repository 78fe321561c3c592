"""Label selectors, for streams: a list lets the API server select, a change that is seen is selected here.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import gt, lt

_PART = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_KEY = rf"(?:{_DOMAIN}(?:\.{_DOMAIN})*/)?{_PART}"
_VALUE = rf"(?:{_PART})?"
_SET = rf"\({_VALUE}(?:, ?{_VALUE})*\)"
_NUMBER = r"-?[0-9]{1,18}"
_TEST = rf"(?:!{_KEY}|{_KEY}(?: ?(?:==|=|!=) ?{_VALUE}| (?:in|notin) ?{_SET}| ?[<>] ?{_NUMBER})?)"
SELECTOR = rf"^(?:{_TEST}(?:, ?{_TEST})*)?$"
"""What a selector looks like. One blank at most between two signs: more would let a hostile one match in many ways."""

_TESTS = re.compile(
    rf"(?P<absent>!)?(?P<key>{_KEY})"
    rf"(?: ?(?P<sign>==|=|!=|<|>) ?(?P<value>{_NUMBER}|{_VALUE})| (?P<word>in|notin) ?\((?P<values>[^)]*)\))?(?:, ?|$)"
)
Labels = Mapping[str, str]
Test = Callable[[Labels], bool]


@lru_cache(maxsize=256)
def tests_of(selector: str) -> tuple[Test, ...]:
    """What must be true of labels; nothing for an empty selector. The text must look like SELECTOR."""
    return tuple(_test(found) for found in _TESTS.finditer(selector.strip()))


def selects(selector: str, labels: Labels) -> bool:
    """Whether labels fit a selector that looks like SELECTOR."""
    return all(test(labels) for test in tests_of(selector))


def _test(found: re.Match[str]) -> Test:
    key, sign, value = found["key"], found["sign"], found["value"] or ""
    if found["absent"]:
        return lambda labels: key not in labels
    if found["word"]:
        values = frozenset(part.strip() for part in found["values"].split(","))
        if found["word"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if sign is None:
        return lambda labels: key in labels
    if sign in ("<", ">"):
        compared = lt if sign == "<" else gt
        return lambda labels: _is_number(labels.get(key, "")) and compared(int(labels[key]), int(value))
    return lambda labels: (labels.get(key) == value) == (sign != "!=")


def _is_number(text: str) -> bool:
    return re.fullmatch(_NUMBER, text) is not None
