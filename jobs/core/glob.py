"""Globs as Go's libraries read them, matched without regular expressions: a hostile pattern never costs much time.

Three dialects of one language: value files (`**` crosses folders), directory include and exclude (`*` crosses
them too) and `.helmignore` (neither braces nor `**`). Signs: `*`, `?`, `[a-z]`, `[!a]`, `[^a]`, `{a,b}`, backslash.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

MAX_LENGTH = 1024
"""Characters of a pattern."""
MAX_EXPANSIONS = 256
"""Alternatives that the braces of one pattern may multiply to."""

Token = str | Callable[[str], bool]
"""One sign of a pattern: a character, or a class that says whether it takes one. None stands for a star."""


class GlobError(ValueError):
    """The pattern is no glob; the message says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """A pattern without folders."""

    tokens: tuple[Token | None, ...]
    head: str
    """The plain characters it begins with, and `tail` those it ends with: most names fail there, at little cost."""
    tail: str

    def matches(self, text: str) -> bool:
        """Whether the text matches as a whole."""
        if len(self.head) == len(self.tokens):
            return text == self.head
        return text.startswith(self.head) and text.endswith(self.tail) and _greedy(self.tokens, text, _takes)


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A glob whose `*` and `?` stay in one folder; `**` as a whole part stands for any number of folders."""

    alternatives: tuple[tuple[Part | None, ...], ...]
    """Per alternative its parts; None is `**`."""

    def matches(self, path: str) -> bool:
        """Whether the path, without a leading slash, matches as a whole."""
        names = path.split("/")
        return any(_greedy(parts, names, Part.matches) for parts in self.alternatives)


@dataclass(frozen=True, slots=True)
class TextGlob:
    """A glob whose `*` and `?` take any character, the slash too."""

    alternatives: tuple[Part, ...]

    def matches(self, text: str) -> bool:
        """Whether the text matches as a whole."""
        return any(part.matches(text) for part in self.alternatives)


def path_glob(pattern: str) -> PathGlob:
    """A pattern of value files (doublestar's language). Raises GlobError."""
    return PathGlob(
        tuple(
            tuple(None if part == "**" else _part(part) for part in text.split("/"))
            for text in _expanded(_bounded(pattern))
        )
    )


def text_glob(pattern: str) -> TextGlob:
    """A pattern of `directory.include` or `exclude` (gobwas/glob without separators). Raises GlobError."""
    return TextGlob(tuple(_part(text) for text in _expanded(_bounded(pattern))))


def plain_glob(pattern: str) -> PathGlob:
    """A pattern of Go's filepath.Match: no braces, no `**`. Raises GlobError."""
    return PathGlob((tuple(_part(part) for part in _bounded(pattern).split("/")),))


def is_glob(text: str) -> bool:
    """Whether a value file is a pattern and not a name."""
    return any(sign in text for sign in "*?[{")


def _bounded(pattern: str) -> str:
    if len(pattern) > MAX_LENGTH:
        raise GlobError(f"it has more than {MAX_LENGTH} characters")
    return pattern


def _expanded(pattern: str) -> list[str]:
    """The pattern for each alternative of its braces, the innermost braces included."""
    done: list[str] = []
    todo = [pattern]
    while todo:
        text = todo.pop(0)
        braces = _first_braces(text)
        if braces is None:
            done.append(text)
            continue
        begin, commas, end = braces
        marks = [begin, *commas, end]
        middles = [text[start + 1 : stop] for start, stop in pairwise(marks)]
        todo += [text[:begin] + middle + text[end + 1 :] for middle in middles]
        if len(done) + len(todo) > MAX_EXPANSIONS:
            raise GlobError(f"its braces stand for more than {MAX_EXPANSIONS} patterns")
    return done


def _first_braces(text: str) -> tuple[int, list[int], int] | None:
    """Where the first `{` is, its own commas, and its `}`; None: there is none."""
    begin, commas, depth = -1, [], 0
    for at, sign in _outside_classes(text):
        if sign == "{":
            begin, depth = (begin if depth else at), depth + 1
        elif sign == "," and depth == 1:
            commas.append(at)
        elif sign == "}" and depth == 1:
            return begin, commas, at
        elif sign == "}":
            depth = max(0, depth - 1)
    if depth:
        raise GlobError("a { is not closed")
    return None


def _outside_classes(text: str) -> Iterator[tuple[int, str]]:
    """The signs of a pattern that are neither escaped nor in a `[class]`, with their places."""
    at = 0
    while at < len(text):
        yield at, text[at]
        if text[at] == "\\":
            at += 1
        elif text[at] == "[":
            at = max(at, text.find("]", at + 2))
        at += 1


def _part(text: str) -> Part:
    tokens = _tokens(text)
    return Part(tokens, _plain(tokens), _plain(tokens[::-1])[::-1])


def _plain(tokens: Iterable[Token | None]) -> str:
    """The characters before the first star or class."""
    found = ""
    for token in tokens:
        if not isinstance(token, str):
            break
        found += token
    return found


def _tokens(text: str) -> tuple[Token | None, ...]:
    found: list[Token | None] = []
    at = 0
    while at < len(text):
        sign = text[at]
        if sign == "[":
            end = text.find("]", at + 2)
            if end < 0:
                raise GlobError("a [ is not closed")
            found.append(_one_of(text[at + 1 : end]))
            at = end
        elif sign == "*":
            if not (found and found[-1] is None):
                found.append(None)
        elif sign == "?":
            found.append(_any)
        else:
            at += sign == "\\"
            if at >= len(text):
                raise GlobError("it ends with a backslash")
            found.append(text[at])
        at += 1
    return tuple(found)


def _any(_: str) -> bool:
    return True


def _one_of(text: str) -> Token:
    negated = text[0] in "!^" and len(text) > 1
    ranges = []
    signs = text[1:] if negated else text
    at = 0
    while at < len(signs):
        if signs[at + 1 : at + 2] == "-" and at + 2 < len(signs):
            ranges.append((signs[at], signs[at + 2]))
            at += 3
        else:
            ranges.append((signs[at], signs[at]))
            at += 1
    return lambda character: any(low <= character <= high for low, high in ranges) != negated


def _takes(token: Token, character: str) -> bool:
    return token == character if isinstance(token, str) else token(character)


def _greedy(signs: Sequence[Any], items: Sequence[str], takes: Callable[[Any, str], bool]) -> bool:
    """Signs against items, None being a star: only the last star is ever taken back, so it costs signs * items at most.

    The signs are characters against a text, or parts against the names of a path.
    """
    at = position = 0
    star = resume = -1
    while position < len(items):
        sign = signs[at] if at < len(signs) else None
        if at < len(signs) and sign is None:
            star, resume, at = at, position, at + 1
        elif sign is not None and takes(sign, items[position]):
            at, position = at + 1, position + 1
        elif star >= 0:
            resume += 1
            at, position = star + 1, resume
        else:
            return False
    return all(sign is None for sign in signs[at:])
