"""The language of health rules: what each form of a line means, and which lines are none."""

from typing import Any

import pytest

from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.health_rule import NOTHING_YET, table
from jobs.core.health_status import Health, HealthStatus

D, H, P = HealthStatus.DEGRADED, HealthStatus.HEALTHY, HealthStatus.PROGRESSING


def judged(lines: str, status: Any = None, **body: Any) -> Health:
    rule = table(f"example.com: Thing\n  {lines}")["example.com", "Thing"]
    return rule(Fields({"metadata": {"generation": 3}, "status": status or {}, **body}, ""))


def condition(type_: str = "Ready", status: str = "True", **more: Any) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": status, **more}]}


@pytest.mark.parametrize(
    ("line", "status", "word"),
    [
        ("Ready=True -> Healthy", condition(), H),
        ("Ready=True -> Healthy", condition(status="False"), P),
        ("Ready=True -> Healthy", condition("Available"), P),
        ("Ready=False|Unknown -> Degraded", condition(status="Unknown"), D),
        ("Ready!=True -> Degraded", condition(status="Unknown"), D),
        ("Ready!=True -> Degraded", {}, P),
        ("*=False -> Degraded", condition("Anything", "False"), D),
        ("Ready=False(NotFound|Denied) -> Degraded", condition(status="False", reason="Denied"), D),
        ("Ready=False(NotFound|Denied) -> Degraded", condition(status="False", reason="Pending"), P),
        ("Ready=False(!Pending) -> Degraded", condition(status="False", reason="Denied"), D),
        ("Ready=False(!Pending) -> Degraded", condition(status="False", reason="Pending"), P),
        ("Ready=False{Error} -> Degraded", condition(status="False", severity="Error"), D),
        ("Ready=False{Error} -> Degraded", condition(status="False", severity="Info"), P),
        (".status.phase=Failed|Lost -> Degraded", {"phase": "Lost"}, D),
        (".status.phase=Wait* -> Degraded", {"phase": "Waiting for pods"}, D),
        (".status.phase=Failed -> Degraded", {"phase": "failed"}, P),
        (".status.phase!=Running -> Degraded", {"phase": "Failed"}, D),
        (".status.phase!=Running -> Degraded", {}, P),
        (".status.ready=true -> Healthy", {"ready": True}, H),
        (".status.ready=true -> Healthy", {"ready": "true"}, H),
        (".status.code=3 -> Healthy", {"code": 3}, H),
        (".status.phase -> Healthy", {"phase": "x"}, H),
        (".status.phase -> Healthy", {"phase": ""}, P),
        ("!.status.phase -> Healthy", {}, H),
        (".status.ready<3 -> Degraded", {"ready": 2}, D),
        (".status.ready<3 -> Degraded", {"ready": 3}, P),
        (".status.ready<3 -> Degraded", {}, D),
        (".status.ready<.status.wanted -> Degraded", {"ready": 1, "wanted": 2}, D),
        (".status.ready<.status.wanted -> Degraded", {}, P),
        (".status.ready<.status.wanted?1 -> Degraded", {}, D),
        (".status.ready=.status.wanted -> Healthy", {"ready": 2, "wanted": 2}, H),
        (".status.ready=.status.wanted -> Healthy", {}, P),
        (".status.ready!=.status.wanted -> Degraded", {"ready": 2, "wanted": 3}, D),
        (".status.sets[].ready<.status.sets[].wanted -> Degraded", {"sets": [{"ready": 1, "wanted": 1}]}, P),
        (
            ".status.sets[].ready<.status.sets[].wanted -> Degraded",
            {"sets": [{"ready": 5, "wanted": 5}, {"wanted": 5, "ready": 4}]},
            D,
        ),
        (".status.pods[].phase=Failed -> Degraded", {"pods": {"a": {"phase": "Failed"}}}, D),
        ('.metadata.annotations["a.b/c"]=on -> Degraded', {}, P),
        ("Ready=True & .status.ready=true -> Healthy", {**condition(), "ready": True}, H),
        ("Ready=True & .status.ready=true -> Healthy", condition(), P),
        ("behind -> Degraded", {"observedGeneration": 2}, D),
        ("behind -> Degraded", {"observedGeneration": "2"}, D),
        ("behind -> Degraded", {"observedGeneration": "7d9f"}, P),
        ("behind -> Degraded", {"observedGeneration": 3}, P),
        ("behind -> Degraded", {}, P),
        ("otherwise -> Healthy", {}, H),
    ],
)
def test_a_line_holds_or_it_does_not(line: str, status: dict[str, Any], word: HealthStatus) -> None:
    assert judged(line, status).status is word


def test_the_first_line_that_holds_decides() -> None:
    both = {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Failed", "status": "True"}]}
    assert judged("Failed=True -> Degraded\n  Ready=True -> Healthy", both).status is D
    assert judged("Ready=True -> Healthy\n  Failed=True -> Degraded", both).status is H
    assert judged("Failed=True -> Degraded") == Health(P, NOTHING_YET)


@pytest.mark.parametrize(
    ("lines", "status", "words"),
    [
        ("Ready=False -> Degraded", condition(status="False", message="no such image", reason="X"), "no such image"),
        ("Ready=False -> Degraded", condition(status="False", reason="NotFound"), "NotFound"),
        ("Ready=False -> Degraded", condition(status="False"), "Ready is False"),
        (".status.phase=Failed -> Degraded", {"phase": "Failed"}, "phase is Failed"),
        ("says .status.why .status.error\n  .status.phase=Failed -> Degraded", {"phase": "Failed", "error": "e"}, "e"),
        (".status.ready<.status.wanted -> Progressing", {"ready": 1, "wanted": 2}, "ready is 1 of 2"),
        ("says .status.why\n  Ready=True -> Healthy", {"why": "waits for a node"}, "waits for a node"),
        ("behind -> Progressing", {"observedGeneration": 1}, "has not seen the newest spec"),
    ],
)
def test_a_verdict_says_what_the_object_says(lines: str, status: dict[str, Any], words: str) -> None:
    assert words in judged(lines, status).message


def test_conditions_may_stand_elsewhere_and_in_several_places() -> None:
    lines = "conditions .status.conditions .status.parents[].conditions\n  Accepted=False -> Degraded"
    assert judged(lines, {"parents": [condition("Accepted"), condition("Accepted", "False")]}).status is D
    assert judged(lines, condition("Accepted", "False")).status is D


def test_a_condition_of_an_older_generation_counts_only_where_the_rule_does_not_say_current() -> None:
    old = condition(observedGeneration=2)
    assert judged("Ready=True -> Healthy", old).status is H
    assert judged("current\n  Ready=True -> Healthy", old).status is P
    assert judged("current\n  Ready=True -> Healthy", condition(observedGeneration=3)).status is H
    assert judged("current\n  Ready=True -> Healthy", condition()).status is H


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (".status.phase=Failed -> Degraded", {"phase": ["Failed"]}),
        (".status.a.b=x -> Degraded", {"a": "text"}),
        (".status.a[].b=x -> Degraded", {"a": "text"}),
        (".status.ready<3 -> Degraded", {"ready": "many"}),
        (".status.ready<3 -> Degraded", {"ready": "9" * 5000}),
        ("Ready=True -> Healthy", {"conditions": ["Ready"]}),
        ("Ready=True -> Healthy", {"conditions": [{"type": 7}]}),
    ],
)
def test_a_status_of_another_shape_is_told_with_its_place(line: str, status: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError, match="must be"):
        judged(line, status)


@pytest.mark.parametrize(
    "line",
    ["Ready=True -> Splendid", "Ready -> Healthy", "whenever", ".status..x=1 -> Healthy", "says phase", "-> Healthy"],
)
def test_a_line_that_is_none_is_found_when_the_table_is_read(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        judged(line)


def test_one_block_may_have_several_headings_and_a_kind_only_one_rule() -> None:
    rules = table("a.com: One, Two\nb.com: Three\n  # why\n  otherwise -> Healthy\ncore: Four\n  otherwise -> Healthy")
    assert rules["a.com", "One"] is rules["b.com", "Three"] is rules["a.com", "Two"]
    assert ("", "Four") in rules
    with pytest.raises(ValueError, match="two rules"):
        table("a.com: One\n  otherwise -> Healthy\na.com: One\n  otherwise -> Healthy")
