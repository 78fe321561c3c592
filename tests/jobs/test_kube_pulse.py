"""The pulse of an API server: when it counts as well, and when it is left alone."""

import pytest

from jobs.core.errors import LostClaim, NotFound, Unreachable
from jobs.kube_pulse import Pulse


class Clock:
    """Moved by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pulse(clock: Clock) -> Pulse:
    return Pulse(clock)


def silent(pulse: Pulse, words: str = "no answer in time") -> None:
    """A request that gets no answer."""
    with pytest.raises(Unreachable), pulse.feel():
        raise Unreachable(words)


def answered(pulse: Pulse) -> None:
    with pulse.feel():
        pass


def is_let_alone(pulse: Pulse) -> bool:
    try:
        with pulse.feel():
            return False
    except Unreachable as error:
        return error.message == "no answer in time; it is left alone for a while"


def fail_beside_another(pulse: Pulse) -> None:
    with pulse.feel():
        silent(pulse)
        raise Unreachable("no answer in time")


def test_a_server_is_well_once_it_answered_and_for_a_while(pulse: Pulse, clock: Clock) -> None:
    assert not pulse.is_well
    answered(pulse)
    assert pulse.is_well
    clock.now += 121
    assert not pulse.is_well


def test_a_refusal_is_an_answer(pulse: Pulse) -> None:
    with pytest.raises(NotFound), pulse.feel():
        raise NotFound("no such thing", status=404)
    assert pulse.is_well


def test_a_server_lags_while_somebody_waits_for_long(pulse: Pulse, clock: Clock) -> None:
    answered(pulse)
    with pulse.feel():
        clock.now += 2.5
        assert pulse.lags
        assert not pulse.is_well
    assert pulse.is_well


def test_a_silent_server_is_left_alone_for_longer_each_time(pulse: Pulse, clock: Clock) -> None:
    rests = []
    for _ in range(8):
        silent(pulse)
        assert pulse.is_silent
        began = clock.now
        while is_let_alone_yet(pulse):
            clock.now += 0.5
        rests.append(clock.now - began)
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]


def is_let_alone_yet(pulse: Pulse) -> bool:
    """A look that tells the pulse nothing: the request is not sent, as the claim was lost."""
    try:
        with pulse.feel():
            raise LostClaim("lost")
    except LostClaim:
        return False
    except Unreachable:
        return True


def test_requests_that_fail_together_are_one_silence(pulse: Pulse, clock: Clock) -> None:
    with pytest.raises(Unreachable):
        fail_beside_another(pulse)
    clock.now += 1
    assert not is_let_alone(pulse)


def test_one_request_finds_out_for_all_whether_it_is_back(pulse: Pulse, clock: Clock) -> None:
    silent(pulse)
    clock.now += 1
    with pulse.feel():
        assert is_let_alone(pulse)
    assert pulse.is_well
    assert not is_let_alone(pulse)


def test_an_answer_ends_the_silence(pulse: Pulse, clock: Clock) -> None:
    for _ in range(3):
        silent(pulse)
        clock.now += 60
    answered(pulse)
    silent(pulse)
    clock.now += 1
    assert not is_let_alone(pulse), "it rests a second again, not eight"
