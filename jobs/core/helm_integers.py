"""Whole numbers of `--set` stay whole numbers: `--set image.tag=20261123` must not print `2.0261123e+07`.

Helm's library takes values as JSON, whose numbers are floats in Go, while `helm --set` gives integers. So the chart
gets one more template, executed before all others, that puts the integers back in place. Nothing is printed by it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jobs.core.helm_values import SetInteger

Path = tuple[str | int, ...]


def restoring_template(values: Mapping[str, Any]) -> str:
    """A Go template that turns every SetInteger of the values back into an int64; empty if there is none.

    For a subchart, give only `{"global": ...}`: each chart has globals of its own, all other values are shared.
    """
    return "".join(_statements(values, ()))


def file_name(paths: Iterable[str]) -> str:
    """Where the template goes in a chart of these files: deeper than any, since Helm executes the deepest first."""
    depth = 1 + max((path.count("/") for path in paths), default=0)
    return f"templates/{'z/' * depth}{MARK}"


MARK = "set-integers.pilothouse"
"""Its file name, to know its (empty) output again."""


def _statements(node: Any, path: Path) -> Iterator[str]:
    items = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from _statements(value, (*path, key))
        if isinstance(node, Mapping) and _changes(value):
            yield _set(path, str(key), value)


def _changes(value: Any) -> bool:
    """Whether the value, or a list around it, must be put in place anew."""
    return isinstance(value, SetInteger) or (isinstance(value, list) and any(_changes(item) for item in value))


def _set(path: Path, key: str, value: Any) -> str:
    """One assignment; what is no mapping (any more) is left alone."""
    new = _new(value, f"(index $m {_quoted(key)})")
    assign = f"{{{{- $_ := set $m {_quoted(key)} {new} }}}}"
    return f'{{{{- $m := {_reference(path)} }}}}{{{{- if kindIs "map" $m }}}}{assign}{{{{- end }}}}'


def _reference(path: Path) -> str:
    """The mapping at a path; index gives nothing for a missing key, and an empty mapping stops the look-up there."""
    found = "$.Values"
    for part in path:
        found = f"(index {found} {part if isinstance(part, int) else _quoted(part)})"
    return found


def _new(value: Any, old: str) -> str:
    if isinstance(value, SetInteger):
        return f"(int64 {int(value)})"
    if isinstance(value, list) and _changes(value):
        return f"(list {' '.join(_new(item, f'(index {old} {index})') for index, item in enumerate(value))})"
    return old


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
