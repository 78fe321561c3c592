"""Which files of a folder of plain manifests are manifests (`spec.source.directory`).

https://argo-cd.readthedocs.io/en/stable/user-guide/directory/
"""

from collections.abc import Iterable

from jobs.core.errors import InvalidSpecError
from jobs.core.glob import GlobError, TextGlob, text_glob

ENDINGS = (".yaml", ".yml", ".json")
SKIP = "# +argocd:skip-file-rendering"
"""A file with this comment holds no manifests for this folder."""


def chosen(paths: Iterable[str], *, recurse: bool, include: str = "", exclude: str = "") -> list[str]:
    """The paths, relative to the folder, that are rendered, sorted. Raises InvalidSpecError if a pattern is none.

    Patterns look at the whole relative path; exclude is asked first.
    """
    excluded, included = _glob(exclude, "exclude"), _glob(include, "include")
    found = []
    for path in sorted(paths):
        if not path.endswith(ENDINGS) or ("/" in path and not recurse):
            continue
        if not (excluded and excluded.matches(path)) and (included is None or included.matches(path)):
            found.append(path)
    return found


def is_skipped(text: str) -> bool:
    """Whether the file says that it is not to be rendered."""
    return SKIP in text


def _glob(pattern: str, field: str) -> TextGlob | None:
    try:
        return text_glob(pattern) if pattern else None
    except GlobError as error:
        raise InvalidSpecError(f"spec.source.directory.{field} {pattern[:200]!r} is no pattern: {error}") from None
