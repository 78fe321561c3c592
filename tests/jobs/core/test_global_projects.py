"""Global projects: whom they are for, and what is inherited."""

from typing import Any

import pytest
import yaml

from jobs.core.errors import InvalidSpecError
from jobs.core.global_projects import global_names, with_globals

PROD = {"metadata": {"name": "shop", "labels": {"opt": "prod"}}, "spec": {"sourceRepos": ["https://git/*"]}}


def names(*entries: Any, project: dict[str, Any] = PROD) -> tuple[str, ...]:
    return global_names(project, {"globalProjects": yaml.safe_dump([*entries])})


def for_all(name: str = "base", **selector: Any) -> dict[str, Any]:
    return {"projectName": name, "labelSelector": selector}


def expression(operator: str, key: str = "opt", **values: Any) -> dict[str, Any]:
    return for_all(matchExpressions=[{"key": key, "operator": operator, **values}])


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        (for_all(), True),
        (for_all(matchLabels={"opt": "prod"}), True),
        (for_all(matchLabels={"opt": "dev"}), False),
        (for_all(matchLabels={"opt": "prod", "team": "a"}), False),
        (expression("In", values=["prod", "dev"]), True),
        (expression("In", values=["dev"]), False),
        (expression("NotIn", values=["dev"]), True),
        (expression("NotIn", "team", values=["a"]), True),
        (expression("Exists"), True),
        (expression("Exists", "team"), False),
        (expression("DoesNotExist", "team"), True),
        (expression("DoesNotExist"), False),
    ],
)
def test_a_global_project_is_for_those_with_its_labels(entry: dict[str, Any], meant: bool) -> None:
    assert names(entry) == (("base",) if meant else ())


def test_a_project_is_not_its_own_and_none_counts_twice() -> None:
    assert names(for_all("shop"), for_all("a"), for_all("b"), for_all("a")) == ("a", "b")
    assert global_names(PROD, {}) == ()


def test_its_lists_come_after_the_projects_own() -> None:
    base = {
        "metadata": {"name": "base"},
        "spec": {
            "sourceRepos": ["!https://git/evil"],
            "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
            "description": "base",
            "sourceNamespaces": ["*"],
        },
    }
    found = with_globals(PROD, [base])
    assert found["spec"] == {
        "sourceRepos": ["https://git/*", "!https://git/evil"],
        "namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
    }
    assert found["inheritsFrom"] == ["base"]
    assert PROD["spec"] == {"sourceRepos": ["https://git/*"]}
    assert with_globals(PROD, []) is PROD


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "globalProjects is not YAML"),
        ("[" * 100_000, "globalProjects is not YAML"),
        ("a: b", "globalProjects must be a list"),
        ("[1]", r"globalProjects\[0\] must be a mapping"),
        ("[{projectName: [a]}]", "projectName must be text"),
        (yaml.safe_dump([expression("Gt", values=["1"])]), "operator must be one of In, NotIn, Exists, DoesNotExist"),
    ],
)
def test_what_makes_no_sense_is_not_skipped(text: str, said: str) -> None:
    with pytest.raises(InvalidSpecError, match=said):
        global_names(PROD, {"globalProjects": text})
