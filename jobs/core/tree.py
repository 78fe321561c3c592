"""The files of one commit: path, mode and object id of each, without their contents. Parsed from Git's own listings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, cast

FILE, EXECUTABLE, SYMLINK, SUBMODULE, FOLDER = "100644", "100755", "120000", "160000", "040000"
"""The modes Git writes (https://git-scm.com/docs/git-fast-import#_filemodify)."""


class Entry(NamedTuple):
    """One path of a commit."""

    mode: str
    type: Literal["blob", "tree", "commit"]
    """blob: a file or symbolic link; tree: a folder; commit: a submodule, which is not followed."""
    id: str
    """Object id: equal ids are equal contents, of a folder with everything under it."""

    @property
    def is_symlink(self) -> bool:
        """Whether the content is the target of a link, and not a file's."""
        return self.mode == SYMLINK


@dataclass(frozen=True)
class Tree:
    """All paths of one commit, each without a slash at its ends; the root is the empty path.

    Names that are no UTF-8 hold surrogates, as os.fsdecode makes them.
    """

    id: str
    """Object id of the root."""
    lines: Mapping[str, str] = field(repr=False)
    """`mode type id` by path: split only when asked for, since most paths never are."""

    def get(self, path: str) -> Entry | None:
        """The entry at a path, None if there is none. Links are not followed, neither at the path nor on the way."""
        if not path:
            return Entry(FOLDER, "tree", self.id)
        line = self.lines.get(path)
        return _entry(line) if line else None

    def under(self, path: str) -> dict[str, Entry]:
        """Every file, link and submodule in a folder, however deep, by its full path; a file gives itself alone."""
        found = self.get(path)
        if found is None or found.type != "tree":
            return {path: found} if found else {}
        below: dict[str, Entry] = {}
        folders = [path]  # no recursion: a hostile tree may be as deep as it likes
        while folders:
            for name in self._children.get(folders.pop(), ()):
                entry = _entry(self.lines[name])
                if entry.type == "tree":
                    folders.append(name)
                else:
                    below[name] = entry
        return below

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly in a folder; none if it is no folder."""
        start = len(folder) + 1 if folder else 0
        return tuple(path[start:] for path in self._children.get(folder, ()))

    def __iter__(self) -> Iterator[str]:
        """All paths, folders included."""
        return iter(self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        children: dict[str, list[str]] = {}
        for path in self.lines:
            children.setdefault(path.rpartition("/")[0], []).append(path)
        return children


def parsed(root: str, listing: bytes) -> Tree:
    """The tree from `git ls-tree -r -t -z`. root: object id of the commit's tree."""
    records = listing.decode("utf-8", "surrogateescape").split("\0")
    pairs = (record.partition("\t") for record in records if record)
    return Tree(root, {path: line for line, _, path in pairs})


def changed(base: Tree, root: str, difference: bytes) -> Tree:
    """The tree that `git diff-tree -r -t -z --raw --no-renames --no-abbrev base root` turns the base into.

    Each record is `:mode mode id id status`, then the path; a folder that changed is a record of its own.
    """
    lines = dict(base.lines)
    fields = difference.decode("utf-8", "surrogateescape").split("\0")
    for record, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, object_id, status = record.split(" ")
        if status == "D":
            lines.pop(path, None)
        else:
            lines[path] = f"{mode} {_TYPES.get(mode, 'blob')} {object_id}"
    return Tree(root, lines)


_TYPES = {FOLDER: "tree", SUBMODULE: "commit"}


def _entry(line: str) -> Entry:
    mode, kind, object_id = line.split(" ")
    return Entry(mode, cast("Literal['blob', 'tree', 'commit']", kind), object_id)
