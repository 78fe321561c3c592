from jobs.pace import KEPT, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_key_has_its_turn_once_in_each_interval_and_holds_up_no_other() -> None:
    clock = Clock()
    pace = Pace(0.5, clock=clock)
    assert pace.wait_s("a") == 0
    clock.now += 0.125
    assert pace.wait_s("a") == 0.375
    assert pace.wait_s("b") == 0
    clock.now += 0.375
    assert pace.wait_s("a") == 0
    assert pace.wait_s("a") == 0.5


def test_without_an_interval_nobody_waits() -> None:
    pace = Pace(0.0, clock=Clock())
    assert [pace.wait_s("a"), pace.wait_s("a")] == [0, 0]


def test_old_turns_are_forgotten() -> None:
    clock = Clock()
    pace = Pace(1.0, clock=clock)
    for number in range(3 * KEPT):
        clock.now += 0.01
        pace.wait_s(str(number))
    assert len(pace._turns) <= KEPT
    assert pace.wait_s(str(3 * KEPT - 1)) > 0
