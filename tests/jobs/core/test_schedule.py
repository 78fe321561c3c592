"""When something that comes round again and again is due."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.core.schedule import due_between

INTERVAL_S = 60.0


@given(st.text(min_size=1), st.lists(st.floats(0.1, 70), min_size=1, max_size=40))
def test_a_key_is_due_once_an_interval_however_the_ticks_fall(key: str, pauses: list[float]) -> None:
    now, due, big = 1_793_534_400.0, 0, 0
    began = now
    for pause in pauses:
        due += due_between(key, INTERVAL_S, now, now + pause)
        big += int(pause // INTERVAL_S) + 1 if pause >= INTERVAL_S else 0
        now += pause
    rounds = (now - began) / INTERVAL_S
    assert rounds - 1 - big <= due <= rounds + 1


@given(st.text(min_size=1), st.floats(0.2, 59))
def test_a_moment_falls_into_exactly_one_of_two_neighbouring_stretches(key: str, cut: float) -> None:
    start = 1_793_534_400.0
    halves = (
        due_between(key, INTERVAL_S, start, start + cut),
        due_between(key, INTERVAL_S, start + cut, start + INTERVAL_S),
    )
    assert sorted(halves) == [False, True]


def test_a_long_pause_makes_every_key_due_once_and_none_twice() -> None:
    assert due_between("a/b", INTERVAL_S, 0.0, 10_000.0)
    assert not due_between("a/b", INTERVAL_S, 10_000.0, 10_000.0)
    assert not due_between("a/b", INTERVAL_S, 10_000.0, 9_000.0), "a clock that was put back"


def test_many_keys_are_spread_over_the_interval() -> None:
    ticks = [sum(due_between(f"a/{n}", INTERVAL_S, s, s + 1.0) for n in range(600)) for s in range(60)]
    assert sum(ticks) == 600
    assert max(ticks) < 40
