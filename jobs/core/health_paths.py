"""Paths into an object, as rules of health write them: `.status.phase`, `.status.listeners[].conditions`.

A path leads to all values it fits: `[]` stands for each item of a list or each value of a mapping, `["a/b"]` for a name
with dots. What is absent leads nowhere; a mapping where text is expected, and the like, raises InvalidSpecError.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields

_STEP = re.compile(r'\.(?P<name>[\w-]+)|\["(?P<quoted>[^"]+)"\]|(?P<each>\[\])')
EACH = "[]"

Path = tuple[str, ...]
"""Names, with EACH between them."""


def path_of(text: str) -> Path:
    """A path as it is written. Raises ValueError when it is none."""
    steps = list(_STEP.finditer(text))
    if not steps or "".join(step[0] for step in steps) != text:
        raise ValueError(f"{text!r} is no path")
    return tuple(step["name"] or step["quoted"] or EACH for step in steps)


def values_at(body: Fields, path: Path) -> Iterator[Any]:
    """Every value there that is not null. Raises InvalidSpecError where the object has another shape."""
    name, *rest = path
    value = body.values.get(name)
    if value is not None:
        yield from _values(value, tuple(rest), body.at(name))


def _values(value: Any, path: Path, place: str) -> Iterator[Any]:
    if not path:
        yield value
    elif path[0] == EACH:
        for item in _items(value, place):
            yield from _values(item, path[1:], place)
    elif isinstance(value, Mapping):
        yield from values_at(Fields(value, place), path)
    else:
        raise InvalidSpecError(f"{place} must be a mapping")


def _items(value: Any, place: str) -> Iterator[Any]:
    if not isinstance(value, list | Mapping):
        raise InvalidSpecError(f"{place} must be a list or a mapping")
    items = value.values() if isinstance(value, Mapping) else value
    return (item for item in items if item is not None)


def word_of(value: Any, place: str) -> str:
    """A scalar as rules write it: `true`, `3`, `Running`. Raises InvalidSpecError for a list or a mapping."""
    if isinstance(value, list | Mapping):
        raise InvalidSpecError(f"{place} must be text, a number, or true or false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def number_of(value: Any, place: str) -> int:
    """A whole number, also one written as text. Raises InvalidSpecError for anything else."""
    word = word_of(value, place)
    if not word.lstrip("-").isdecimal() or len(word) > 19:
        raise InvalidSpecError(f"{place} must be a whole number")
    return int(word)
