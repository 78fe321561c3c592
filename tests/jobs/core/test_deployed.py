"""What an Application remembers of its last deploy."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.application import SOURCE_KEY
from jobs.core.deployed import UNKNOWN, Deployed, deployed_of

KEYS = st.from_regex(r"[0-9a-f]{4,32}", fullmatch=True)


@given(KEYS | st.just(""), st.none() | st.tuples(KEYS | st.just(UNKNOWN), st.integers(1, 10**9 - 1)))
def test_it_survives_being_written(key: str, failed: tuple[str, int] | None) -> None:
    deployed = Deployed(key, *(failed or ()))
    assert deployed_of({SOURCE_KEY: str(deployed)}) == deployed


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert deployed_of({SOURCE_KEY: text}).failures >= 0


def test_failures_of_one_key_are_counted_and_another_key_begins_anew() -> None:
    twice = Deployed("k").failed("a").failed("a")
    assert (twice.key, twice.failed_key, twice.failures) == ("k", "a", 2)
    assert twice.failed("b").failures == 1
    assert twice.succeeded("a") == Deployed("a")


def test_what_was_stopped_on_its_way_is_remembered_without_counting() -> None:
    assert Deployed("k").tried("a") == Deployed("k", "a", 0)
    assert Deployed("k").failed("a").failed("a").tried("a").failures == 2
    assert Deployed("k").failed("a").tried("b") == Deployed("k", "b", 0)
    assert not Deployed("k").tried("a").is_at("k")
    assert deployed_of({SOURCE_KEY: str(Deployed("k").tried("a"))}) == Deployed("k", "a", 0)


def test_it_is_at_a_key_while_no_other_was_tried_since() -> None:
    assert Deployed("k").is_at("k")
    assert Deployed("k").failed(UNKNOWN).is_at("k")
    assert not Deployed("k").failed("other").is_at("k")
    assert not Deployed("").is_at("k")
