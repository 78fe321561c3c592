"""Helm's values: one mapping over another, and the `--set` language. Which values a render gets: jobs/renderer_helm.py.

The language is Helm's `strvals` (https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

MAX_INDEX = 65536
"""Helm's greatest list index: a larger one would allocate for ever."""
MAX_DEPTH = 30
"""Helm's greatest number of nested names."""
LARGEST_INT = 2**63 - 1

INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
UNESCAPED_COMMA = re.compile(r"(?<!\\),")

Read = Callable[[str], Any]
"""Turns the text after `=` into a value."""


class SetInteger(int):
    """A whole number from `--set`: an integer to a template, while a number from YAML is a float (helm_integers)."""


class ValuesError(ValueError):
    """A `--set` expression that Helm would refuse; the message says why."""


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values files as Helm merges them: mappings key by key, the rest is replaced, null stays (it deletes defaults)."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def typed(text: str) -> Any:
    """The value of a `--set`: true, false, null, a whole number without leading zero, else text."""
    named = {"true": True, "false": False, "null": None, "0": SetInteger(0)}
    if text.lower() in named:
        return named[text.lower()]
    if INTEGER.fullmatch(text) and not text.startswith("0") and -LARGEST_INT - 1 <= int(text) <= LARGEST_INT:
        return SetInteger(text)
    return text


def escaped(value: str) -> str:
    """A parameter's value as Argo CD gives it to `--set`: its commas are text, unless it is a list `{a,b}`."""
    if value.startswith("{") and value.endswith("}"):
        return value
    return UNESCAPED_COMMA.sub(r"\\,", value)


def set_value(values: dict[str, Any], name: str, value: str, read: Read = typed) -> None:
    """Do one `--set name=value` on the values, in place. Raises ValuesError."""
    expression = f"{name}={escaped(value)}"
    try:
        _Parser(expression, read).run(values)
    except ValuesError as error:
        raise ValuesError(f"{name}: {error}") from None
    except RecursionError:
        raise ValuesError(f"{name[:40]}...: too many nested lists") from None


class _Parser:
    def __init__(self, text: str, read: Read) -> None:
        self._text = text
        self._at = 0
        self._read = read
        self._ended = False
        """Whether the text ended right after a `=`: Helm then gives up the list item it is in (`a[0].b=`)."""

    def run(self, values: dict[str, Any]) -> None:
        while self._at < len(self._text):
            self._key(values, 0)

    def _until(self, stops: str) -> tuple[str, str]:
        """Text up to one of the stops and that stop, "" at the end. A backslash makes the next sign ordinary."""
        found: list[str] = []
        while self._at < len(self._text):
            sign = self._text[self._at]
            self._at += 1
            if sign in stops:
                return "".join(found), sign
            if sign == "\\":
                if self._at >= len(self._text):
                    break
                sign = self._text[self._at]
                self._at += 1
            found.append(sign)
        return "".join(found), ""

    def _key(self, data: dict[str, Any], depth: int) -> None:
        name, stop = self._until("=[,.")
        if not stop:
            if name:
                raise ValuesError(f"key {name!r} has no value")
            return
        if stop == "[":
            index = self._index()
            _put(data, name, self._item(_list(data.get(name), name), index, depth))
        elif stop == "=":
            _put(data, name, self._value())
        elif stop == ",":
            raise ValuesError(f"key {name!r} has no value (cannot end with ,)")
        else:
            self._nested(data, name, depth + 1)

    def _nested(self, data: dict[str, Any], name: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValuesError(f"more than {MAX_DEPTH} nested names")
        inner = data.get(name, {})
        if not isinstance(inner, dict):
            raise ValuesError(f"{name!r} is {_kind(inner)}, so nothing can be set below it")
        self._key(inner, depth)
        if not inner:
            raise ValuesError(f"key map {name!r} has no value")
        _put(data, name, inner)

    def _index(self) -> int:
        text, stop = self._until("]")
        if not stop or not INTEGER.fullmatch(text):
            raise ValuesError(f"{text!r} is not a list index")
        index = int(text)
        if not 0 <= index <= MAX_INDEX:
            raise ValuesError(f"list index {index} is not between 0 and {MAX_INDEX}")
        return index

    def _item(self, items: list[Any], index: int, depth: int) -> list[Any]:
        text, stop = self._until("[.=")
        if text or not stop:
            raise ValuesError(f"unexpected text {text!r} after a list index" if text else "a list index without value")
        present = items[index] if index < len(items) else None
        if stop == "=":
            items = _placed(items, index, self._value())
            self._ended = False
            return items
        if stop == "[":
            inner: Any = self._item(_list(present, f"[{index}]"), self._index(), depth)
        else:
            inner = present if isinstance(present, dict) else {}
            self._key(inner, depth)
        return items if self._ended else _placed(items, index, inner)

    def _value(self) -> Any:
        self._ended = self._at >= len(self._text)
        if self._text[self._at : self._at + 1] == "{":
            self._at += 1
            return self._items()
        text, _ = self._until(",")
        return self._read(text)

    def _items(self) -> list[Any]:
        found: list[Any] = []
        while True:
            text, stop = self._until(",}")
            if not stop:
                raise ValuesError("list must terminate with '}'")
            found.append(self._read(text))
            if stop == "}":
                if self._text[self._at : self._at + 1] == ",":
                    self._at += 1
                return found


def _put(data: dict[str, Any], name: str, value: Any) -> None:
    if name:  # Helm drops a value without a name
        data[name] = value


def _list(value: Any, name: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValuesError(f"{name!r} is {_kind(value)}, not a list")
    return value


def _placed(items: list[Any], index: int, value: Any) -> list[Any]:
    longer = [*items, *([None] * (index + 1 - len(items)))]
    longer[index] = value
    return longer


def _kind(value: Any) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), "null")
