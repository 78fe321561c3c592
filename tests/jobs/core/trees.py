"""Trees of Git as tests write them."""

import hashlib

from jobs.core.tree import EXECUTABLE, FILE, FOLDER, SYMLINK, Tree


def a_tree(*paths: str) -> Tree:
    """A tree with these files; `path@` is a symlink, `path!` is executable. Object ids are made from the paths."""
    modes = {"@": SYMLINK, "!": EXECUTABLE}
    lines: dict[str, str] = {}
    for written in sorted(paths):
        mode = modes.get(written[-1], FILE)
        path = written.rstrip("@!")
        parts = path.split("/")
        for count in range(1, len(parts)):
            folder = "/".join(parts[:count])
            lines.setdefault(folder, f"{FOLDER} tree {_id(folder)}")
        lines[path] = f"{mode} blob {_id(path)}"
    return Tree(_id(""), lines)


def _id(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()[:40]
