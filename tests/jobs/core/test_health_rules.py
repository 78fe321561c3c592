"""The tables of health rules against recorded objects of each vendor (tests/objects/vendors).

Each document there is one live object; the first word of its name is the health it must have: `degraded-expired`.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.core.fields import Fields
from jobs.core.health import assess
from jobs.core.health_kinds import RULES
from jobs.core.health_rule import DataRule
from jobs.core.health_rules import TABLES, rule_of
from jobs.core.health_status import HealthStatus
from jobs.core.objects import group_and_version, metadata_of
from tests.jobs.core.health_page import BEGIN, END, PAGE, tables

Json = dict[str, Any]

VENDORS = sorted((Path(__file__).parents[2] / "objects" / "vendors").glob("*.yaml"))
KINDS = {kind: rule for rules in TABLES.values() for kind, rule in rules.items()}
WANTED = {HealthStatus.HEALTHY, HealthStatus.PROGRESSING, HealthStatus.DEGRADED}


@cache
def recorded(path: Path) -> tuple[Json, ...]:
    return tuple(yaml.load_all(path.read_text(), yaml.CSafeLoader))


def everything() -> Iterator[tuple[tuple[str, str], Json]]:
    """Every recorded object, with its group and kind."""
    for path in VENDORS:
        for body in recorded(path):
            yield (group_and_version(body["apiVersion"])[0], body["kind"]), body


def word_of(body: Json) -> HealthStatus:
    return HealthStatus(str(metadata_of(body)["name"]).partition("-")[0].capitalize())


def words_of(rule: DataRule) -> set[HealthStatus]:
    """All that the rule can ever say."""
    certain = rule.checks[-1].text.startswith("otherwise")
    return {check.status for check in rule.checks} | (set() if certain else {HealthStatus.PROGRESSING})


@pytest.mark.parametrize("path", VENDORS, ids=lambda path: path.stem)
def test_a_recorded_object_has_the_health_that_its_name_says(path: Path) -> None:
    wrong = []
    for body in recorded(path):
        health = assess(body)
        if health is None or health.status is not word_of(body):
            wrong.append(f"{body['apiVersion']} {body['kind']} {metadata_of(body)['name']}: {health}")
    assert wrong == []


def test_every_kind_is_recorded_in_every_health_it_can_have() -> None:
    seen: dict[int, set[HealthStatus]] = {}
    exact: dict[tuple[str, str], set[HealthStatus]] = {}
    for kind, body in everything():
        seen.setdefault(id(rule_of(*kind)), set()).add(word_of(body))
        exact.setdefault(kind, set()).add(word_of(body))
    for kind, rule in KINDS.items():
        found = seen[id(rule)] if "*" in "".join(kind) else exact[kind]
        assert words_of(rule) & WANTED <= found, kind
        assert words_of(rule) <= seen[id(rule)], kind


def test_every_line_of_every_rule_decides_about_a_recorded_object() -> None:
    deciding = set()
    for kind, body in everything():
        rule = rule_of(*kind)
        if rule is not None:
            look = rule.look(Fields(body, ""))
            deciding |= {(id(rule), next((check.text for check in rule.checks if check.health(look)), ""))}
    lines = {(id(rule), check.text) for rule in KINDS.values() for check in rule.checks}
    assert {text for _, text in lines - deciding} == set()


def test_no_object_is_recorded_that_no_rule_judges() -> None:
    assert {kind for kind, _ in everything() if kind not in RULES and rule_of(*kind) is None} == set()


def test_at_least_150_kinds_are_known() -> None:
    assert len([kind for kind in {*KINDS, *RULES} if "*" not in "".join(kind)]) >= 150


@pytest.mark.parametrize("title", TABLES)
def test_what_was_only_just_created_is_never_a_failure(title: str) -> None:
    for group, kind in TABLES[title]:
        name = kind.replace("*", "Anything")
        body = {"apiVersion": f"{group.replace('*', 'any')}/v1", "kind": name, "metadata": {"generation": 1}}
        health = assess(body)
        assert health is not None
        assert health.status in (HealthStatus.HEALTHY, HealthStatus.PROGRESSING), (group, kind)


def test_a_kind_has_its_own_rule_before_that_of_a_wildcard() -> None:
    assert (
        rule_of("core.cnrm.cloud.google.com", "ConfigConnector")
        is KINDS["core.cnrm.cloud.google.com", "ConfigConnector"]
    )
    assert rule_of("sql.cnrm.cloud.google.com", "SQLInstance") is KINDS["*.cnrm.cloud.google.com", "*"]
    assert rule_of("s3.aws.upbound.io", "Bucket") is KINDS["*.upbound.io", "*"]
    assert rule_of("upbound.io.example.com", "Bucket") is None
    assert rule_of("", "ConfigMap") is None


def test_the_documentation_holds_every_rule() -> None:
    assert PAGE.read_text().partition(BEGIN)[2].partition(END)[0] == tables()
