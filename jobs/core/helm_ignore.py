"""`.helmignore`: which files of a chart's folder Helm does not see.

Helm's rules (https://helm.sh/docs/chart_template_guide/helm_ignore_file/), which are not Git's: the first matching rule
wins, a rule with `!` ignores all that does not match it, and `**` is an error.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jobs.core.errors import RenderError
from jobs.core.glob import GlobError, PathGlob, plain_glob

DEFAULT = "templates/.?*"
"""Always the last rule: hidden files in templates/."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line."""

    glob: PathGlob
    negated: bool
    folders_only: bool
    by_name: bool
    """Without a slash in it, the rule looks at the last part of a path only."""

    def decides(self, path: str, *, is_folder: bool) -> bool:
        """Whether the path is ignored because of this rule."""
        if self.folders_only and not is_folder:
            return self.negated
        name = path.rpartition("/")[2] if self.by_name else path
        return self.glob.matches(name) != self.negated


@lru_cache(maxsize=64)
def rules_of(text: str) -> tuple[Rule, ...]:
    """The rules of a file, Helm's own rule included. Raises RenderError naming the line."""
    lines = [*text.removeprefix("\ufeff").splitlines(), DEFAULT]
    found = []
    for number, line in enumerate(lines, 1):
        written = line.strip()
        if written and not written.startswith("#"):
            try:
                found.append(_rule(written))
            except GlobError as error:
                raise RenderError(f".helmignore, line {number}: {written[:200]!r} is no pattern: {error}") from None
    return tuple(found)


def _rule(text: str) -> Rule:
    if "**" in text:
        raise GlobError("double-star (**) syntax is not supported by Helm")
    pattern = text.removeprefix("!")
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    return Rule(plain_glob(pattern.removeprefix("/")), text.startswith("!"), folders_only, "/" not in pattern)


def kept(paths: Iterable[str], rules: Sequence[Rule]) -> list[str]:
    """The file paths that no rule ignores, neither by themselves nor by a folder they are in."""
    folders: dict[str, bool] = {"": False}

    def ignored_folder(folder: str) -> bool:
        if folder not in folders:
            above = ignored_folder(folder.rpartition("/")[0])
            folders[folder] = above or any(rule.decides(folder, is_folder=True) for rule in rules)
        return folders[folder]

    return [
        path
        for path in paths
        if not ignored_folder(path.rpartition("/")[0])
        and not any(rule.decides(path, is_folder=False) for rule in rules)
    ]
