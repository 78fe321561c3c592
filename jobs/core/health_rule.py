"""Rules of health as data: a small language that turns a kind's conditions, phases and counts into one of six words.

    cert-manager.io: Certificate
      Issuing=True -> Progressing
      Ready=False -> Degraded
      Ready=True -> Healthy

Lines are tried in order, the first that holds decides; when none does, the object is Progressing. The tables are in
health_rules/, the whole language is told in docs/health.md.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from jobs.core.fields import Fields
from jobs.core.health_paths import EACH, Path, number_of, path_of, values_at, word_of
from jobs.core.health_status import Health, HealthStatus, progressing

CONDITIONS = (path_of(".status.conditions"),)
NOTHING_YET = "its controller has not said how it is yet"
BEHIND = "the controller has not seen the newest spec yet"

_CONDITION = re.compile(
    r"(?P<type>[\w./*-]+?)(?P<op>!?=)(?P<is>[\w|]+)(?:\((?P<not>!?)(?P<reasons>[^)]+)\))?(?:\{(?P<severity>\w+)\})?"
)
_PATH = re.compile(r"(?P<not>!?)(?P<path>\.[^=!<]+)(?:(?P<op>!=|=|<)(?P<value>.+))?")

Test = Callable[["Look"], str | None]
"""What it says of an object when it holds, maybe nothing (""); None: it does not hold."""


@dataclass(frozen=True, slots=True)
class Look:
    """An object as the tests of a rule see it."""

    body: Fields
    conditions: Sequence[Fields]
    says: tuple[Path, ...]
    """Where the object tells in words how it is, best place first."""

    def words(self) -> str:
        """What the object itself says; empty: nothing."""
        for path in self.says:
            for value in values_at(self.body, path):
                if isinstance(value, str) and value:
                    return value
        return ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a rule: the word holds when all tests do."""

    text: str
    """As written, for the documentation."""
    tests: tuple[Test, ...]
    status: HealthStatus

    def health(self, look: Look) -> Health | None:
        """The verdict; None: this line does not hold."""
        said = []
        for test in self.tests:
            words = test(look)
            if words is None:
                return None
            said.append(words)
        return Health(self.status, next(filter(None, said), ""))


@dataclass(frozen=True, slots=True)
class DataRule:
    """The rule of some kinds, as data."""

    checks: tuple[Check, ...]
    conditions: tuple[Path, ...] = CONDITIONS
    says: tuple[Path, ...] = ()
    current: bool = False
    """Whether a condition that speaks of an older generation counts as not there."""

    def __call__(self, body: Fields) -> Health:
        """The verdict of the first line that holds. Raises InvalidSpecError for a status of another shape."""
        look = self.look(body)
        verdicts = (check.health(look) for check in self.checks)
        return next(filter(None, verdicts), None) or progressing(look.words() or NOTHING_YET)

    def look(self, body: Fields) -> Look:
        """What its lines look at."""
        return Look(body, tuple(self._conditions(body)), self.says)

    def _conditions(self, body: Fields) -> Iterator[Fields]:
        generation = body.inner("metadata").number("generation", 0)
        for path in self.conditions:
            *parents, last = path
            for items in values_at(body, path):
                for condition in Fields({last: items}, ".".join(parents)).each(last):
                    if not self.current or condition.number("observedGeneration", generation) >= generation:
                        yield condition


@dataclass(slots=True)
class _Block:
    """A block while it is read."""

    kinds: tuple[tuple[str, str], ...]
    checks: list[Check] = field(default_factory=list)
    conditions: tuple[Path, ...] = CONDITIONS
    says: tuple[Path, ...] = ()
    current: bool = False

    def rule(self) -> DataRule:
        return DataRule(tuple(self.checks), self.conditions, self.says, self.current)


def table(text: str) -> dict[tuple[str, str], DataRule]:
    """(group, kind) -> rule, from blocks of the language. Raises ValueError for a wrong line, or a kind twice."""
    blocks: list[_Block] = []
    for line in filter(str.strip, text.splitlines()):
        if line.strip().startswith("#"):
            continue
        if line.startswith(" "):
            _read_into(blocks[-1], line.strip())
        elif blocks and not blocks[-1].checks:  # one more heading of the same block
            blocks[-1].kinds += tuple(_kinds(line))
        else:
            blocks.append(_Block(tuple(_kinds(line))))
    rules: dict[tuple[str, str], DataRule] = {}
    for block in blocks:
        rule = block.rule()
        for kind in block.kinds:
            if kind in rules:
                raise ValueError(f"{kind} has two rules")
            rules[kind] = rule
    return rules


def _kinds(line: str) -> Iterator[tuple[str, str]]:
    """`group: Kind, Kind`; the core group is written `core`."""
    group, _, kinds = line.partition(":")
    for kind in kinds.split(","):
        yield "" if group == "core" else group, kind.strip()


def _read_into(block: _Block, line: str) -> None:
    word, _, rest = line.partition(" ")
    if "->" in line:
        block.checks.append(_check(line))
    elif word == "conditions":
        block.conditions = tuple(path_of(path) for path in rest.split())
    elif word == "says":
        block.says = tuple(path_of(path) for path in rest.split())
    elif line == "current":
        block.current = True
    else:
        raise ValueError(f"{line!r} is no line of a rule")


def _check(line: str) -> Check:
    tests, _, word = line.rpartition("->")
    return Check(line, tuple(_test(test.strip()) for test in tests.split(" & ")), HealthStatus(word.strip()))


def _test(text: str) -> Test:
    if text == "otherwise":
        return Look.words
    if text == "behind":
        return _behind
    if found := _PATH.fullmatch(text):
        return _path_test(found)
    if found := _CONDITION.fullmatch(text):
        return _condition_test(found)
    raise ValueError(f"{text!r} is no test")


def _behind(look: Look) -> str | None:
    """Only when both numbers are there. Argo Rollouts writes its one as text, and before 0.10 a hash."""
    seen = next(values_at(look.body, ("status", "observedGeneration")), "")
    word = word_of(seen, "status.observedGeneration")
    generation = look.body.inner("metadata").number("generation", 0)
    return BEHIND if word.isdecimal() and len(word) < 20 and int(word) < generation else None


def _condition_test(found: re.Match[str]) -> Test:
    kind, statuses, reasons = found["type"], found["is"].split("|"), (found["reasons"] or "").split("|")

    def holds(condition: Fields) -> bool:
        right_type = kind == "*" or condition.text("type") == kind
        right_status = (condition.text("status") in statuses) == (found["op"] == "=")
        right_reason = not found["reasons"] or (condition.text("reason") in reasons) != bool(found["not"])
        return right_type and right_status and right_reason and found["severity"] in (None, condition.text("severity"))

    def test(look: Look) -> str | None:
        condition = next(filter(holds, look.conditions), None)
        return None if condition is None else _said(condition)

    return test


def _said(condition: Fields) -> str:
    """Its message, else its reason; nothing of one that only says what its type says."""
    said = condition.text("message") or condition.text("reason")
    return said or (f"{condition.text('type')} is {condition.text('status')}" if condition.text("type") else "")


def _path_test(found: re.Match[str]) -> Test:
    path, place = path_of(found["path"]), found["path"].lstrip(".")
    if found["op"] == "<" or (found["value"] or "").startswith("."):
        return _comparison(path, place, found["op"], found["value"])
    if not found["op"]:
        return _presence(path, absent=bool(found["not"]))
    wanted, negated = found["value"].split("|"), found["op"] == "!="

    def test(look: Look) -> str | None:
        for value in values_at(look.body, path):
            word = word_of(value, place)
            if any(_fits(word, one) for one in wanted) != negated:
                return look.words() or f"{path[-1]} is {word}"
        return None

    return test


def _fits(word: str, wanted: str) -> bool:
    return word.startswith(wanted[:-1]) if wanted.endswith("*") else word == wanted


def _presence(path: Path, *, absent: bool) -> Test:
    def test(look: Look) -> str | None:
        there = any(value not in ("", [], {}) for value in values_at(look.body, path))
        return look.words() if there != absent else None

    return test


def _comparison(path: Path, place: str, op: str, right: str) -> Test:
    """Numbers by `<`, scalars by `=` and `!=`; of lists, each item with itself.

    `.spec.replicas?1` counts as 1 when it is not there, without `?` as 0.
    """
    other, _, default = right.partition("?")
    limit = () if other.isdecimal() else path_of(other)

    def compared(left: str, wanted: str) -> str | None:
        if op != "<":
            return "" if (left == wanted) == (op == "=") and (left or op == "!=") else None
        has, most = number_of(left or "0", place), number_of(wanted or "0", other)
        return f"{path[-1]} is {has} of {most}" if has < most else None

    def test(look: Look) -> str | None:
        for item, ours, theirs in _pairs(look.body, path, limit):
            wanted = word_of(next(values_at(item, theirs), default), other) if theirs else other
            absent = () if EACH in ours else ("",)
            for left in tuple(values_at(item, ours)) or absent:
                said = compared(word_of(left, place), wanted)
                if said is not None:
                    return look.words() or said
        return None

    return test


def _pairs(body: Fields, path: Path, other: Path) -> Iterator[tuple[Fields, Path, Path]]:
    """The items of the list that both paths lead through, with the rests of the paths; else the whole object."""
    through = path.index(EACH) + 1 if EACH in path else 0
    if not through or other[:through] != path[:through]:
        yield body, path, other
        return
    for item in values_at(body, path[:through]):
        yield Fields({"item": item}, "").inner("item"), path[through:], other[through:]
