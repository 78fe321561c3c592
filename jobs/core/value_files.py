"""Which files `valueFiles` and `fileParameters` mean: relative, `/from-the-root`, `$ref/of-another-source` and globs.

https://argo-cd.readthedocs.io/en/latest/user-guide/helm/#glob-patterns-in-value-files
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from jobs.core.build_env import substituted
from jobs.core.chart_files import joined
from jobs.core.errors import InvalidSpecError, RenderError
from jobs.core.glob import GlobError, is_glob, path_glob
from jobs.core.render_request import OWN, RepoFile
from jobs.core.source import FileParameter, HelmOptions
from jobs.core.tree import Tree

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
REFERENCE = re.compile(r"\$([A-Za-z0-9_-]+)(?:/|\Z)")
FIELD = "spec.source.helm.valueFiles"
PARAMETERS = "spec.source.helm.fileParameters"


@dataclass(frozen=True, slots=True)
class ValueFiles:
    """The value files of one source, at one commit of each repository."""

    present: tuple[RepoFile, ...]
    """In the order Helm gets them; the last one wins."""
    missing: tuple[RepoFile, ...]
    """Ignored because of `ignoreMissingValueFiles`; once they are there, the render differs. Globs stand as written."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where files are looked for."""

    path: str
    """Folder of the chart in its repository."""
    trees: Mapping[str, Tree]
    """The files of the own repository under OWN, of the others under the `ref` of their source."""
    env: Mapping[str, str]
    """The build environment."""

    def place(self, written: str, field: str) -> RepoFile:
        """What a text in the spec means. Raises InvalidSpecError if that is outside the repositories."""
        archive, text, base = self._reference(written, field)
        text = substituted(text, self.env)
        if URL.match(text):
            raise InvalidSpecError(
                f"{field}: {_short(written)} is an address; only files of Git sources are supported yet"
            )
        if text.startswith("/"):
            text, base = text.lstrip("/"), ""
        path = joined(base, text) if text and "\0" not in text else None
        if path is None:
            raise InvalidSpecError(f"{field}: {_short(written)} leads out of the repository")
        return RepoFile(path, archive)

    def _reference(self, written: str, field: str) -> tuple[str, str, str]:
        """Archive, rest of the text, and the folder it is relative to."""
        match = REFERENCE.match(written)
        if match is None or match[1] in self.env:
            return OWN, written, self.path
        if match[1] in self.trees:
            return match[1], written[match.end() :], ""
        raise InvalidSpecError(f"{field}: {_short(written)} needs a source with `ref: {match[1]}` in spec.sources")


def value_files(helm: HelmOptions, lookup: Lookup) -> ValueFiles:
    """The value files, globs expanded. Raises InvalidSpecError naming the field, RenderError for a missing file.

    A file that is listed by name keeps its place: globs leave it out. Of two globs the first has it.
    """
    places = [lookup.place(written, FIELD) for written in helm.value_files]
    named = {place for place in places if not is_glob(place.path)}
    present: list[RepoFile] = []
    missing: list[RepoFile] = []
    for place in places:
        found = list(_expanded(place, lookup)) if is_glob(place.path) else [place] * _is_file(place, lookup, FIELD)
        if not found and not helm.ignore_missing_value_files:
            raise RenderError(f"{FIELD}: {_missing(place)}")
        missing += [] if found else [place]
        present += found if place in named else [file for file in found if file not in named and file not in present]
    return ValueFiles(tuple(present), tuple(missing))


def parameter_files(parameters: tuple[FileParameter, ...], lookup: Lookup) -> tuple[tuple[str, RepoFile], ...]:
    """Name and file of each `--set-file`. Raises InvalidSpecError naming the field, RenderError for a missing file."""
    found = []
    for parameter in parameters:
        place = lookup.place(parameter.path, PARAMETERS)
        if not _is_file(place, lookup, PARAMETERS):
            raise RenderError(f"{PARAMETERS}: {_missing(place)}")
        found.append((parameter.name, place))
    return tuple(found)


def _missing(place: RepoFile) -> str:
    if is_glob(place.path):
        return f"values file glob {_short(str(place))} matched no files"
    return f"{_short(str(place))} does not exist at this revision"


def _is_file(place: RepoFile, lookup: Lookup, field: str) -> bool:
    """Whether there is such a file. What lies behind a symlink is believed here; the renderer follows it or refuses."""
    tree = lookup.trees[place.archive]
    entry = tree.get(place.path)
    if entry is not None and entry.type == "tree":
        raise RenderError(f"{field}: {_short(str(place))} is a folder")
    return entry is not None or _behind_link(tree, place.path)


def _behind_link(tree: Tree, path: str) -> bool:
    parts = path.split("/")[:-1]
    heads = (tree.get("/".join(parts[: count + 1])) for count in range(len(parts)))
    return any(head is not None and head.is_symlink for head in heads)


def _expanded(place: RepoFile, lookup: Lookup) -> Iterator[RepoFile]:
    """The files of a glob: a folder's own files before those of its folders, each by name."""
    try:
        glob = path_glob(place.path)
    except GlobError as error:
        raise InvalidSpecError(f"{FIELD}: {_short(place.path)} is no pattern: {error}") from None
    tree = lookup.trees[place.archive]
    fixed = _fixed_folder(place.path)
    entry = tree.get(fixed)
    if entry is None or entry.type != "tree":
        return
    paths = [path for path, below in tree.under(fixed).items() if below.type == "blob" and glob.matches(path)]
    for path in sorted(paths, key=_walk_order):
        yield RepoFile(path, place.archive)


def _fixed_folder(pattern: str) -> str:
    """The folders in front of the first part with a sign of a glob."""
    parts = pattern.split("/")[:-1]
    count = next((index for index, part in enumerate(parts) if is_glob(part) or "\\" in part), len(parts))
    return "/".join(parts[:count])


def _walk_order(path: str) -> list[tuple[int, str]]:
    *folders, name = path.split("/")
    return [*((1, folder) for folder in folders), (0, name)]


def _short(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:200]}...")
