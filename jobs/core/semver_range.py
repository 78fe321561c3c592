"""Version ranges as Helm and Argo CD read them: the rules of github.com/Masterminds/semver/v3, without its texts.

Knows versions and ranges, not tags and not Git: jobs/core/revision.py asks. Rules and examples:
https://github.com/Masterminds/semver#checking-version-constraints
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_SUFFIX = r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_VERSION = re.compile(r"v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?" + _SUFFIX, re.ASCII)
_OPERATORS = r"!=|>=|=>|<=|=<|~>|=|>|<|~|\^"
_PATTERN = r"v?(?P<major>\d+|[xX*])(?:\.(?P<minor>\d+|[xX*]))?(?:\.(?P<patch>\d+|[xX*]))?" + _SUFFIX
_COMPARISON = re.compile(rf"(?P<operator>{_OPERATORS}|){_PATTERN}", re.ASCII)
_AFTER_OPERATOR = re.compile(rf"({_OPERATORS})\s+", re.ASCII)
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*", re.ASCII)
MAX_LENGTH = 256
"""Characters of a range or version; longer ones are none (Masterminds has the same limit for versions)."""


@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; a missing minor or patch is 0, a leading `v` and build metadata don't count."""

    major: int
    minor: int = 0
    patch: int = 0
    pre: tuple[str, ...] = ()
    """Identifiers of the pre-release; empty: a release."""

    @property
    def order(self) -> tuple[object, ...]:
        """Sort key by https://semver.org/#spec-item-11: a pre-release comes before its release."""
        parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in self.pre)
        return self.major, self.minor, self.patch, not self.pre, parts


def version_of(text: str) -> Version | None:
    """`v1.2.3-rc.1+build`, `1.2` or `v1` as a Version; None if it is none."""
    found = _VERSION.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if not found:
        return None
    pre = tuple(found["pre"].split(".")) if found["pre"] else ()
    if any(len(part) > 1 and part.isdecimal() and part.startswith("0") for part in pre):
        return None
    return Version(int(found["major"]), int(found["minor"] or 0), int(found["patch"] or 0), pre)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One operator and its version. parts: how many of major, minor, patch were written as numbers (0-3)."""

    operator: str
    version: Version
    parts: int


@dataclass(frozen=True, slots=True)
class Range:
    """Alternatives, each of comparisons that must all hold."""

    alternatives: tuple[tuple[_Comparison, ...], ...]

    def holds(self, version: Version) -> bool:
        """Whether the version is in the range. A pre-release is only in an alternative that names one itself."""
        return any(_all_hold(version, items) for items in self.alternatives)


def range_of(text: str) -> Range | None:
    """`1.2.*`, `~1.2`, `^1`, `>=1.0 <2`, `1 - 2`, `1.x || 3.x` as a Range; None if it is none, or a plain version.

    A plain version (`1.2`, `v1`) is the name of one tag, not a range: so Argo CD reads it.
    """
    if len(text) > MAX_LENGTH or version_of(text):
        return None
    alternatives = [_comparisons(part) for part in text.split("||")]
    return Range(tuple(part for part in alternatives if part)) if all(alternatives) else None


def best(text: str, versions: Iterable[str]) -> str | None:
    """The highest of the given names that the range holds; None if there is none, or the text is no range.

    Names that are no versions are passed over. Of equal versions (`1.2.0`, `v1.2.0`) the last by name.
    """
    wanted = range_of(text)
    if wanted is None:
        return None
    known = ((version_of(name), name) for name in versions)
    held = [(version.order, name) for version, name in known if version and wanted.holds(version)]
    return max(held)[1] if held else None


def _comparisons(text: str) -> tuple[_Comparison, ...]:
    """The comparisons of one alternative, split by blanks or commas; empty if a part of it is none."""
    hyphen = _HYPHEN.fullmatch(text)
    text = f">={hyphen[1]} <={hyphen[2]}" if hyphen else _AFTER_OPERATOR.sub(r"\1", text)
    found = [_COMPARISON.fullmatch(part) for part in text.replace(",", " ").split()]
    return tuple(_comparison(match) for match in found if match) if all(found) else ()


def _comparison(match: re.Match[str]) -> _Comparison:
    numbers: list[int] = []
    for name in ("major", "minor", "patch"):
        if match[name] is None or match[name] in "xX*":
            break
        numbers.append(int(match[name]))
    pre = tuple(match["pre"].split(".")) if match["pre"] else ()
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    return _Comparison(match["operator"], Version(major, minor, patch, pre), len(numbers))


def _all_hold(version: Version, items: tuple[_Comparison, ...]) -> bool:
    if version.pre and not any(item.version.pre for item in items):
        return False
    return all(_RULES[item.operator](version, item) for item in items)


def _equal(version: Version, item: _Comparison) -> bool:
    return version.order == item.version.order if item.parts == 3 else _tilde(version, item)


def _unequal(version: Version, item: _Comparison) -> bool:
    if item.parts in (0, 3):
        return version.order != item.version.order
    same = _numbers(version)[: item.parts] == _numbers(item.version)[: item.parts]
    return not same or (item.parts == 2 and version.pre != item.version.pre)


def _greater(version: Version, item: _Comparison) -> bool:
    if item.parts in (0, 3):
        return version.order > item.version.order
    return _numbers(version)[: item.parts] > _numbers(item.version)[: item.parts]  # >1.2 begins at 1.3.0


def _at_most(version: Version, item: _Comparison) -> bool:
    if item.parts == 3:
        return version.order <= item.version.order
    count = item.parts or 2
    return _numbers(version)[:count] <= _numbers(item.version)[:count]  # <=1.2 ends before 1.3.0


def _tilde(version: Version, item: _Comparison) -> bool:
    if version.order < item.version.order:
        return False
    if _numbers(item.version) == (0, 0, 0) and item.parts in (0, 3):
        return True  # `~*` and, oddly, `~0.0.0` hold everything
    count = min(item.parts, 2)
    return _numbers(version)[:count] == _numbers(item.version)[:count]


def _caret(version: Version, item: _Comparison) -> bool:
    """Up to the next change of the first number that is not 0."""
    if version.order < item.version.order:
        return False
    numbers = _numbers(item.version)
    first = next((index for index, number in enumerate(numbers) if number), 2)
    count = min(first + 1, item.parts or 3)
    return _numbers(version)[:count] == numbers[:count]


def _numbers(version: Version) -> tuple[int, ...]:
    return version.major, version.minor, version.patch


_RULES: dict[str, Callable[[Version, _Comparison], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _unequal,
    ">": _greater,
    "<": lambda version, item: version.order < item.version.order,
    ">=": lambda version, item: version.order >= item.version.order,
    "=>": lambda version, item: version.order >= item.version.order,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
