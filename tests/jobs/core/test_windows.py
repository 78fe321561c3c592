"""Sync windows: which are about an Application, and whether a sync may begin or go on."""

from typing import Any

import pytest

from jobs.core.cluster_secret import HOME_CLUSTER, Cluster, ClusterCredentials
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.moment import Moment
from jobs.core.windows import Closed, Window, Wish, closed, windows_of
from tests.builders import NOON, an_application

EDGE = Cluster("edge", ClusterCredentials("https://10.0.0.1:6443"))
AUTOMATED, BY_HAND = Wish(manual=False), Wish(manual=True)
OPEN, SHUT = "0 11 * * *", "0 2 * * *"
"""Begins of windows of two hours, seen from noon."""


def a_window(kind: str = "deny", schedule: str = OPEN, **over: Any) -> dict[str, Any]:
    return {"kind": kind, "schedule": schedule, "duration": "2h", "applications": ["*"]} | over


def found(*windows: dict[str, Any], cluster: Cluster = HOME_CLUSTER, **over: Any) -> tuple[Window, ...]:
    return windows_of(Fields({"syncWindows": [*windows]}, "spec"), an_application(**over), cluster)


def in_the_way(*windows: dict[str, Any], wish: Wish = AUTOMATED, at: Moment = NOON) -> Closed | None:
    return closed(found(*windows), wish, at)


@pytest.mark.parametrize(
    ("lists", "concerned"),
    [
        ({"applications": ["we?", "till"]}, True),
        ({"applications": ["shop/*"]}, False),
        ({"applications": ["{web,till}"]}, True),
        ({"namespaces": ["sho*"]}, True),
        ({"clusters": ["https://10.*"]}, True),
        ({"clusters": ["edge"]}, True),
        ({"clusters": ["in-cluster"]}, False),
        ({"applications": ["till"], "namespaces": ["shop"]}, True),  # one is enough
        ({"applications": ["till"], "namespaces": ["shop"], "andOperator": True}, False),
        ({"applications": ["web"], "namespaces": ["shop"], "clusters": ["edge"], "andOperator": True}, True),
        ({"namespaces": ["shop"], "andOperator": True}, True),
        ({"applications": []}, False),  # about nobody
        ({"applications": [], "andOperator": True}, False),
    ],
)
@pytest.mark.parametrize("destination", [{"server": None, "name": "edge"}, {"server": "https://10.0.0.1:6443"}])
def test_a_window_is_about_the_applications_it_names(
    lists: dict[str, Any], concerned: bool, destination: dict[str, Any]
) -> None:
    window = a_window(**{"applications": []} | lists)
    assert bool(found(window, cluster=EDGE, spec={"destination": destination})) is concerned


def test_the_home_cluster_is_meant_by_both_its_names() -> None:
    for name in ("in-cluster", "https://kubernetes.default.svc"):
        assert found(a_window(applications=[], clusters=[name]))


@pytest.mark.parametrize(
    ("windows", "may"),
    [
        ([], True),
        ([a_window("deny", OPEN)], False),
        ([a_window("deny", SHUT)], True),
        ([a_window("allow", OPEN)], True),
        ([a_window("allow", SHUT)], False),
        ([a_window("allow", SHUT), a_window("allow", OPEN)], True),
        ([a_window("allow", OPEN), a_window("deny", OPEN)], False),  # a denial beats an allowance
        ([a_window("allow", SHUT), a_window("deny", SHUT)], False),
        ([a_window("deny", OPEN, applications=["till"])], True),  # it is about another
    ],
)
def test_an_automated_sync_may_begin_while_it_is_allowed_and_not_denied(
    windows: list[dict[str, Any]], may: bool
) -> None:
    assert (in_the_way(*windows) is None) is may


@pytest.mark.parametrize(
    ("windows", "may"),
    [
        ([a_window("deny", OPEN)], False),
        ([a_window("deny", OPEN, manualSync=True)], True),
        ([a_window("deny", OPEN, manualSync=True), a_window("deny", OPEN)], False),  # the strictest counts
        ([a_window("allow", SHUT)], False),
        ([a_window("allow", SHUT, manualSync=True)], True),
        ([a_window("allow", SHUT, manualSync=True), a_window("allow", SHUT)], False),
        ([a_window("allow", OPEN, manualSync=True), a_window("deny", OPEN)], False),
        ([a_window("allow", SHUT), a_window("deny", OPEN, manualSync=True)], True),
    ],
)
def test_a_sync_by_hand_passes_only_where_manual_sync_says_so(windows: list[dict[str, Any]], may: bool) -> None:
    assert (in_the_way(*windows, wish=BY_HAND) is None) is may


ENDED = "0 9 * * *"
"""A window from nine to eleven."""
OVERRUN = {"syncOverrun": True}


@pytest.mark.parametrize(
    ("windows", "goes_on"),
    [
        ([a_window("deny", OPEN, **OVERRUN)], True),
        ([a_window("deny", OPEN)], False),
        ([a_window("allow", ENDED, duration="12h", **OVERRUN), a_window("deny", OPEN, **OVERRUN)], True),
        ([a_window("allow", ENDED, duration="12h", **OVERRUN), a_window("deny", OPEN)], False),
        ([a_window("allow", ENDED, duration="12h"), a_window("deny", OPEN, **OVERRUN)], True),
        ([a_window("allow", ENDED, duration="12h"), a_window("deny", OPEN)], False),
        ([a_window("allow", ENDED, **OVERRUN)], True),
        ([a_window("allow", ENDED, **OVERRUN), a_window("allow", "0 10 * * *", duration="1h", **OVERRUN)], True),
        ([a_window("allow", ENDED, **OVERRUN), a_window("allow", SHUT)], False),
        ([a_window("deny", "0 10 * * *", duration="4h", **OVERRUN)], False),  # it never might begin
        ([a_window("allow", SHUT, **OVERRUN)], False),
    ],
)
def test_a_sync_that_began_in_time_goes_on_if_every_window_lets_it_overrun(
    windows: list[dict[str, Any]], goes_on: bool
) -> None:
    """The transitions that Argo CD's documentation lists. It began at half past ten; now it is noon."""
    began_at = Moment(NOON.seconds - 5400)
    assert (in_the_way(*windows, wish=Wish(manual=False, began_at=began_at)) is None) is goes_on
    assert in_the_way(*windows) is not None, "a new one may not begin"


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (
            [a_window("deny", OPEN)],
            "the deny window '0 11 * * *' (2h, UTC) keeps syncs back; they may begin at 2026-11-01T13:00:00Z",
        ),
        (
            [a_window("allow", "0 22 * * *", timeZone="Europe/Amsterdam")],
            "outside the allow window '0 22 * * *' (2h, Europe/Amsterdam); they may begin at 2026-11-01T21:00:00Z",
        ),
        (
            [a_window("allow", "0 14 * * *"), a_window("deny", "0 11 * * *", duration="4h")],
            "the deny window '0 11 * * *' (4h, UTC) keeps syncs back; they may begin at 2026-11-01T15:00:00Z",
        ),
        (
            [a_window("deny", OPEN), a_window("deny", "0 12 * * *")],
            "the deny window '0 11 * * *' (2h, UTC), the deny window '0 12 * * *' (2h, UTC) keep syncs back; "
            "they may begin at 2026-11-01T14:00:00Z",
        ),
        (
            [a_window("deny", "* * * * *")],
            "the deny window '* * * * *' (2h, UTC) keeps syncs back, with no end in sight",
        ),
    ],
)
def test_what_is_in_the_way_says_when_it_opens(windows: list[dict[str, Any]], said: str) -> None:
    assert str(in_the_way(*windows)) == said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "forbid"}, "spec.syncWindows[0].kind must be allow or deny"),
        ({"schedule": "@daily"}, "spec.syncWindows[0]: the schedule '@daily' must have five fields"),
        ({"duration": ""}, "spec.syncWindows[0].duration must be a duration such as 1h30m"),
        ({"duration": "an hour"}, "spec.syncWindows[0].duration must be a duration"),
        ({"timeZone": "Mars/Olympus"}, "the time zone 'Mars/Olympus' is unknown"),
        ({"applications": "*"}, "spec.syncWindows[0].applications must be a list"),
        ({"clusters": ["[a"]}, "spec.syncWindows[0].clusters: a [ is not closed"),
        ({"manualSync": "yes"}, "spec.syncWindows[0].manualSync must be true or false"),
        ({"applications": ["till"], "kind": ""}, "kind must be allow or deny"),  # whomever it is about
    ],
)
def test_a_window_that_makes_no_sense_is_not_skipped(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        found(a_window(**wrong))
    assert said in caught.value.message
