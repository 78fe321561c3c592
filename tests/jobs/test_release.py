"""What an Application left behind loses its marks, as far as the mark of its end tells where to look."""

from types import SimpleNamespace
from typing import Any

import pytest

from jobs.claim import Again
from jobs.core.application import KINDS
from jobs.core.errors import InvalidSpecError, Unreachable
from jobs.release import WAITS_S, farewell, release
from tests.builders import a_claim, an_application


class Clusters:
    """Stands for the clusters: none can be had."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def at(self, destination: Any, project: str) -> Any:
        raise self.error


async def released(error: Exception, **hints: str) -> Again | None:
    parts: Any = SimpleNamespace(clusters=Clusters(error), settings=SimpleNamespace(installation="default"))
    return await release(a_claim(**hints), parts)


AWAY = Unreachable("the cluster does not answer")


def test_a_deleted_application_says_where_its_objects_are() -> None:
    application = an_application(metadata={"annotations": {KINDS: "ConfigMap,Deployment.apps"}})
    assert farewell(application) == {
        "left": "ConfigMap,Deployment.apps",
        "server": "https://kubernetes.default.svc",
        "name": "",
        "namespace": "shop",
        "project": "default",
    }


@pytest.mark.parametrize("annotations", [{}, {KINDS: ""}])
def test_one_that_left_nothing_behind_says_nothing(annotations: dict[str, str]) -> None:
    assert farewell(an_application(metadata={"annotations": annotations})) == {}


def test_more_kinds_than_a_mark_can_carry_are_all_kinds() -> None:
    many = ",".join(f"Kind{number}.example.org" for number in range(200))
    assert farewell(an_application(metadata={"annotations": {KINDS: many}}))["left"] == "*"


async def test_nothing_is_done_for_a_mark_that_says_nothing() -> None:
    assert await released(AWAY) is None


async def test_a_cluster_that_is_away_is_asked_a_few_times() -> None:
    again = await released(AWAY, left="ConfigMap")
    assert again == Again(WAITS_S[0], "retry", background=True, hints={"left": "ConfigMap", "tries": "1"})
    assert again
    assert await released(AWAY, left="ConfigMap", tries=str(len(WAITS_S))) is None


async def test_a_cluster_that_nobody_knows_is_not_asked_again() -> None:
    assert await released(InvalidSpecError("no cluster is known as x"), left="ConfigMap") is None
