"""The values table of deploy/chart/README.md, made from values.yaml. `python -m tests.deploy.chart_readme` writes it.

A value is a leaf, or whatever carries a comment that begins with `# --`; the comment is its description.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from tests.deploy.rendering import CHART

README = CHART / "README.md"
BEGIN, END = "<!-- values: begin -->\n", "<!-- values: end -->\n"
_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]+):(?P<rest>.*)")


def rows() -> Iterator[tuple[str, str, str]]:
    """Value path, default as JSON, description; in the order of the file."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    parents: list[str] = []
    comment: list[str] = []
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        if text.startswith("# --"):
            comment = [text.removeprefix("# --").strip()]
        elif text.startswith("#") and comment:
            comment.append(text.removeprefix("#").strip())
        elif found := _KEY.fullmatch(line):
            parents = [*parents[: len(found["indent"]) // 2], found["key"]]
            if comment:
                yield ".".join(parents), json.dumps(_value(values, parents)), " ".join(comment)
            comment = []


def table() -> str:
    """The table in Markdown."""
    lines = ["| value | default | meaning |", "| --- | --- | --- |"]
    lines += [f"| `{path}` | `{default}` | {words} |" for path, default, words in rows()]
    return "\n".join(lines) + "\n"


def undescribed() -> set[str]:
    """Values without a description of their own or of something around them."""
    described = {path for path, _, _ in rows()}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return {path for path in _leaves(values, "") if not any(path == d or path.startswith(f"{d}.") for d in described)}


def _leaves(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    else:
        yield path


def _value(values: Any, path: list[str]) -> Any:
    for name in path:
        values = values[name]
    return values


if __name__ == "__main__":
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.partition(END)[2])
