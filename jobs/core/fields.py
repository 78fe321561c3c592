"""Reading a mapping that anybody may have written: each look-up names the field when the value has the wrong shape.

Who runs an Application stops at the first such field; who checks one before it is written wants them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.core.errors import InvalidSpecError

MAX_NUMBER = 1 << 63
"""Integers of Kubernetes objects are int64; a greater one does not fit into a float either."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that makes no sense."""

    field: str
    """Its full path, e.g. `spec.source.path`."""
    detail: str
    """What is wrong with it, in words that go on after the field's name: `must be text`."""


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping and where it stands in the object, e.g. `spec.source.helm`. Absent and null are the same."""

    values: Mapping[str, Any]
    path: str
    problems: list[Problem] | None = None
    """Where every problem is noted, so that reading goes on with the default; None: the first one is raised."""

    def at(self, name: str) -> str:
        """The full path of a field, for messages."""
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, detail: str) -> None:
        """Say what is wrong with a field: raises InvalidSpecError, or notes it when all problems are wanted."""
        if self.problems is None:
            raise InvalidSpecError(f"{self.at(name)} {detail}")
        self.problems.append(Problem(self.at(name), detail))

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A string. Raises InvalidSpecError for anything else."""
        return str(self._typed(name, str, "text", default))

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean. Raises InvalidSpecError for anything else."""
        return bool(self._typed(name, bool, "true or false", default))

    def number(self, name: str, default: int) -> int:
        """A whole number of 64 bits. Raises InvalidSpecError for anything else, booleans included."""
        found = int(self._typed(name, int, "a whole number", default))
        if isinstance(self.values.get(name), bool) or not -MAX_NUMBER <= found < MAX_NUMBER:
            self.refuse(name, "must be a whole number")
            return default
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings. Raises InvalidSpecError for anything else."""
        found = self.items(name)
        if not all(isinstance(item, str) for item in found):
            self.refuse(name, "must be a list of text")
            return ()
        return tuple(found)

    def items(self, name: str) -> Sequence[Any]:
        """A list. Raises InvalidSpecError for anything else."""
        found: list[Any] = self._typed(name, list, "a list", [])
        return found

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A mapping as it is. Raises InvalidSpecError for anything else."""
        found: Mapping[str, Any] = self._typed(name, Mapping, "a mapping", {})
        return found

    def inner(self, name: str) -> "Fields":
        """The mapping under a name, to read on; empty if absent."""
        return Fields(self.mapping(name), self.at(name), self.problems)

    def each(self, name: str) -> tuple["Fields", ...]:
        """The mappings of a list. Raises InvalidSpecError if an item is none."""
        found = []
        for index, item in enumerate(self.items(name)):
            if isinstance(item, Mapping):
                found.append(Fields(item, f"{self.at(name)}[{index}]", self.problems))
            else:
                self.refuse(f"{name}[{index}]", "must be a mapping")
        return tuple(found)

    def _typed(self, name: str, kind: Any, words: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.refuse(name, f"must be {words}")
            return default
        return value
