"""How many applications of one cluster a worker takes on."""

import pytest

from jobs.core.application import IN_CLUSTER, cluster_group
from jobs.core.limits import claim_limits
from tests.builders import an_application

HOME, FAR, NEAR = f"cluster:{IN_CLUSTER}", "cluster:far", "cluster:near"
BY_ADDRESS = "cluster:https://10.0.0.1:6443"
WELL, SILENT = ((frozenset({"far", "https://10.0.0.1:6443"}), answers) for answers in (True, False))


@pytest.mark.parametrize(
    ("clusters", "running", "full"),
    [
        ([], [], set()),
        ([], [FAR], {FAR}),  # it was never asked: one finds out
        ([SILENT], [], set()),
        ([SILENT], [FAR], {FAR, BY_ADDRESS}),
        ([WELL], [FAR], set()),
        ([WELL], [FAR] * 7, set()),
        ([WELL], [FAR] * 8, {FAR, BY_ADDRESS}),  # half of the slots are for others
        ([WELL], [FAR] * 4 + [BY_ADDRESS] * 4, {FAR, BY_ADDRESS}),  # it is one cluster, however it is called
        ([WELL], [FAR] * 8 + [NEAR], {FAR, BY_ADDRESS, NEAR}),
        ([], [HOME] * 16, set()),
        ([], ["repo:charts"] * 16, set()),
    ],
)
def test_a_cluster_gets_half_of_the_slots_and_one_that_does_not_answer_a_single_one(
    clusters: list[tuple[frozenset[str], bool]], running: list[str], full: set[str]
) -> None:
    assert claim_limits(clusters, running, slots=16) == dict.fromkeys(full, 0)


def test_a_worker_with_one_slot_works_as_well() -> None:
    assert claim_limits([WELL], [], slots=1) == {}
    assert claim_limits([WELL], [FAR], slots=1) == {FAR: 0, BY_ADDRESS: 0}


def test_the_group_of_a_cluster_is_one_word_whatever_is_written() -> None:
    assert an_application().limit_group == HOME
    assert an_application(spec={"destination": {"server": None, "name": "far"}}).limit_group == FAR
    for name in ("far away", "far\naway", "f" * 5000):
        group = cluster_group(name)
        assert group.isprintable()
        assert len(group.split()) == 1
        assert len(group) < 300
        assert claim_limits([(frozenset({name}), True)], [group], slots=4) == {}
