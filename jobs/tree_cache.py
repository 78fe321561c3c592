"""The trees of commits looked at last, bounded by their number of paths. A commit's tree never changes."""

from collections import OrderedDict

from jobs.core.tree import Tree

MAX_PATHS = 200_000
"""Together; about 50 MB if no two trees share anything, far less since successive commits share nearly all."""


class TreeCache:
    """Trees by mirror and commit; the one not asked for longest goes first."""

    def __init__(self, max_paths: int = MAX_PATHS) -> None:
        self._max_paths = max_paths
        self._paths = 0
        self._trees: OrderedDict[tuple[str, str], Tree] = OrderedDict()
        self._latest: dict[str, str] = {}

    def of_commit(self, mirror: str, revision: str) -> Tree | None:
        """The tree of a commit, if it is still known."""
        tree = self._trees.get((mirror, revision))
        if tree is not None:
            self._trees.move_to_end((mirror, revision))
        return tree

    def latest(self, mirror: str) -> Tree | None:
        """The tree kept last for a mirror: the next commit differs little from it."""
        return self._trees.get((mirror, self._latest.get(mirror, "")))

    def keep(self, mirror: str, revision: str, tree: Tree) -> None:
        """Remember a tree, even one larger than the bound, and forget others until it is kept."""
        if (mirror, revision) not in self._trees:
            self._paths += len(tree)
        self._trees[mirror, revision] = tree
        self._latest[mirror] = revision
        while self._paths > self._max_paths and len(self._trees) > 1:
            (of, gone), forgotten = self._trees.popitem(last=False)
            self._paths -= len(forgotten)
            if self._latest.get(of) == gone:
                del self._latest[of]
