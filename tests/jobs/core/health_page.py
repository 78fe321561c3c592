"""The tables of kinds in docs/health.md, made from the rules. `python -m tests.jobs.core.health_page` writes them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from jobs.core.health_kinds import RULES
from jobs.core.health_paths import EACH
from jobs.core.health_paths import Path as ObjectPath
from jobs.core.health_rule import CONDITIONS, DataRule
from jobs.core.health_rules import TABLES
from jobs.core.health_rules.generic import GENERIC

PAGE = Path(__file__).parents[3] / "docs" / "health.md"
BEGIN, END = "<!-- kinds: begin -->\n", "<!-- kinds: end -->\n"


def tables() -> str:
    """All tables in Markdown."""
    parts = ["### Rules that are functions\n", "| kind | rule |", "| --- | --- |", *_functions()]
    for title, rules in TABLES.items():
        parts += [f"\n### {title}\n", "| kinds | rule, in order |", "| --- | --- |", *_rows(rules)]
    parts += ["\n### Kinds without a rule, with `PILOTHOUSE_GENERIC_HEALTH=true`\n"]
    parts += ["| kinds | rule, in order |", "| --- | --- |", f"| all others | {_lines(GENERIC)} |"]
    return "\n".join(parts) + "\n"


def _functions() -> Iterator[str]:
    for (group, kind), rule in RULES.items():
        said = (rule.__doc__ or "").partition("\n")[0]
        yield f"| {_named(group, [kind])} | {said} |"


def _rows(rules: Mapping[tuple[str, str], DataRule]) -> Iterator[str]:
    """One row for each rule, with all the kinds it is for."""
    kinds: dict[int, dict[str, list[str]]] = {}
    for (group, kind), rule in rules.items():
        kinds.setdefault(id(rule), {}).setdefault(group, []).append(kind)
    for rule in {id(rule): rule for rule in rules.values()}.values():
        named = "; ".join(_named(group, found) for group, found in kinds[id(rule)].items())
        yield f"| {named} | {_lines(rule)} |"


def _named(group: str, kinds: list[str]) -> str:
    return f"`{group or 'core'}`: {', '.join(kind.replace('*', 'every kind') for kind in kinds)}"


def _lines(rule: DataRule) -> str:
    said = []
    if rule.conditions != CONDITIONS:
        said.append(f"conditions in {', '.join(f'`{_written(path)}`' for path in rule.conditions)}")
    if rule.current:
        said.append("conditions of an older generation do not count")
    # A bar would end the cell of the table.
    return "; ".join([*said, *(f"`{check.text}`".replace("|", "\\|") for check in rule.checks)])


def _written(path: ObjectPath) -> str:
    return "".join(step if step == EACH else f".{step}" for step in path)


if __name__ == "__main__":
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + tables() + END + rest.partition(END)[2])
