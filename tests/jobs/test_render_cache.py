"""The answers kept for sources that have not changed."""

from jobs.render_cache import AnswerCache


def test_an_answer_comes_back_under_its_key() -> None:
    cache = AnswerCache()
    cache.put("a", b"1" * 100)
    assert cache.get("a") == b"1" * 100
    assert cache.get("b") is None


def test_nothing_is_kept_without_a_key() -> None:
    cache = AnswerCache()
    cache.put("", b"x")
    assert cache.get("") is None


def test_the_longest_unused_go_first_when_the_room_is_full() -> None:
    cache = AnswerCache(max_bytes=64)
    for name in "abcd":
        cache.put(name, name.encode() * 50)  # 11 to 13 bytes each once packed
    assert cache.get("a")
    for name in "ef":
        cache.put(name, name.encode() * 50)
    assert cache.get("a")
    assert cache.get("b") is None
    assert cache.get("f")


def test_a_new_answer_replaces_the_old_one() -> None:
    cache = AnswerCache(max_bytes=64)
    for _ in range(100):
        cache.put("a", b"x" * 50)
    cache.put("b", b"y" * 50)
    assert cache.get("a")
    assert cache.get("b")


def test_a_large_answer_does_not_push_out_the_rest() -> None:
    cache = AnswerCache(max_bytes=64)
    cache.put("a", b"x")
    cache.put("large", bytes(range(60)))
    assert cache.get("large") is None
    assert cache.get("a")
