"""Which files of a repository one render reads besides its own folder: local dependencies and the ends of symlinks.

No YAML is parsed here, since a chart is hostile and this runs in the worker: what looks like a `file://` address in a
Chart.yaml counts. One too many costs a few bytes; the renderer itself says if one is missing.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.core.tree import Tree

LOCAL = re.compile(r"file://([^\s\"'#]+)")
MANIFESTS = ("Chart.yaml", "requirements.yaml")
"""Files that list dependencies; the second one in charts of Helm 2."""
MAX_STEPS = 10_000
"""Paths looked at for one render."""


@dataclass(frozen=True, slots=True)
class Needed:
    """What is known so far."""

    paths: tuple[str, ...]
    """Files and folders to put in the archive, sorted; none lies in another."""
    unread: tuple[str, ...]
    """Small files whose contents must be known first: ask again with them. Empty: `paths` is complete."""


def needed(tree: Tree, paths: Iterable[str], contents: Mapping[str, bytes]) -> Needed:
    """The given files and folders, and all that they lead to inside the repository.

    contents: of the files that were `unread` before, by path; of a symlink it is the target. Whatever leads out of the
    repository or is not there is left out: the renderer refuses it by name, if it matters.
    """
    walk = _Walk(tree, contents)
    walk.todo = list(paths)
    while walk.todo and len(walk.found) < MAX_STEPS:
        walk.step(walk.todo.pop())
    return Needed(_outermost(walk.found), tuple(sorted(walk.unread)))


def joined(folder: str, relative: str) -> str | None:
    """A path relative to a folder of the repository, as a path from its root; None: it leads out."""
    if relative.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(folder, relative))
    if path == ".." or path.startswith("../"):
        return None
    return "" if path == "." else path


class _Walk:
    def __init__(self, tree: Tree, contents: Mapping[str, bytes]) -> None:
        self.tree = tree
        self.contents = contents
        self.todo: list[str] = []
        self.found: set[str] = set()
        self.unread: set[str] = set()
        self._followed: set[tuple[str, str]] = set()

    def step(self, path: str) -> None:
        link = self._first_link(path)
        if link is not None:
            self._follow(link, path)
            return
        entry = self.tree.get(path)
        if entry is None or path in self.found:
            return
        self.found.add(path)
        for name, below in self.tree.under(path).items():
            if below.is_symlink:
                self._follow(name, name)
        if entry.type == "tree":
            self._dependencies(path)

    def _first_link(self, path: str) -> str | None:
        """The first part of the path that is a symlink."""
        parts = path.split("/")
        heads = ("/".join(parts[: count + 1]) for count in range(len(parts)))
        return next((head for head in heads if (entry := self.tree.get(head)) and entry.is_symlink), None)

    def _follow(self, link: str, path: str) -> None:
        if (link, path) in self._followed:
            return
        self._followed.add((link, path))
        self.found.add(link)
        target = self._content(link)
        if target is not None:
            end = joined(posixpath.dirname(link), target + path[len(link) :])
            self.todo += [end] if end is not None else []

    def _dependencies(self, folder: str) -> None:
        for name in MANIFESTS:
            manifest = posixpath.join(folder, name)
            entry = self.tree.get(manifest)
            if entry and entry.type == "blob" and not entry.is_symlink:
                for written in LOCAL.findall(self._content(manifest) or ""):
                    # In a flow mapping the brackets end the address; what is not there is dropped.
                    ends = {joined(folder, relative) for relative in (written, re.split(r"[],}]", written)[0])}
                    self.todo += [end for end in ends if end is not None]

    def _content(self, path: str) -> str | None:
        if path not in self.contents:
            self.unread.add(path)
            return None
        return self.contents[path].decode("utf-8", "surrogateescape")


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    """The paths without those that lie in another of them."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split("/") if path else []):
        last = kept[-1] if kept else None
        if last is None or not (last == "" or path.startswith(f"{last}/")):
            kept.append(path)
    return tuple(kept)
