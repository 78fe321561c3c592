import pytest

from deploy.bench import figures as said
from deploy.bench.figures import Figure, percentile


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [((3.0, 1.0, 2.0), 0.5, 2.0), ((1.0, 2.0), 0.5, 1.0), (range(1, 101), 0.99, 99), ((5.0,), 0.99, 5.0)],
)
def test_a_percentile_is_a_value_that_was_measured(values: tuple[float, ...], share: float, wanted: float) -> None:
    assert percentile(values, share) == wanted


def test_what_is_known_for_one_size_only_is_not_claimed_for_another() -> None:
    assert Figure(said.PUSH_P50, 20, 0.1, "s").argo_cd == 3.7
    assert Figure(said.PUSH_P50, 50, 0.1, "s").argo_cd is None
    assert Figure(said.MEMORY, 50, 200.0, "MB").argo_cd == 670.0
    assert Figure(said.ALL_CHANGED, 100, 4.0, "s").aim == 8.0
