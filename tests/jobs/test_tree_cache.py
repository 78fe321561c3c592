from jobs.core.tree import Tree
from jobs.tree_cache import TreeCache


def _tree(paths: int) -> Tree:
    return Tree("0" * 40, {str(number): "100644 blob x" for number in range(paths)})


def test_what_was_kept_is_found_under_its_mirror_and_commit_alone() -> None:
    cache, tree = TreeCache(), _tree(1)
    cache.keep("one", "a", tree)
    assert cache.of_commit("one", "a") is cache.latest("one") is tree
    assert cache.of_commit("other", "a") is cache.latest("other") is None


def test_the_tree_not_asked_for_longest_goes_first() -> None:
    cache = TreeCache(max_paths=10)
    cache.keep("one", "a", _tree(5))
    cache.keep("one", "b", _tree(5))
    cache.of_commit("one", "a")
    cache.keep("other", "c", _tree(5))
    assert cache.of_commit("one", "b") is None
    assert cache.latest("one") is None, "no base that is not there"
    assert cache.of_commit("one", "a")


def test_a_tree_larger_than_the_bound_is_kept_alone() -> None:
    cache = TreeCache(max_paths=10)
    cache.keep("one", "a", _tree(5))
    cache.keep("one", "b", _tree(50))
    assert cache.of_commit("one", "a") is None
    assert cache.of_commit("one", "b")


def test_keeping_a_tree_twice_counts_it_once() -> None:
    cache = TreeCache(max_paths=10)
    for _ in range(5):
        cache.keep("one", "a", _tree(5))
    cache.keep("one", "b", _tree(5))
    assert cache.of_commit("one", "a")
