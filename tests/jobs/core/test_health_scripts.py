"""Which health script fits a kind, from the keys of both ConfigMaps."""

import pytest

from jobs.core.health_scripts import Scripts, scripts_of

KEY = "resource.customizations.health."
OPEN = "resource.customizations.useOpenLibs."


def text_of(scripts: Scripts, group: str, kind: str) -> str | None:
    script = scripts.of(group, kind)
    return script.text if script else None


def test_a_key_names_a_group_and_a_kind_or_a_kind_of_the_core_group() -> None:
    scripts = scripts_of({"argocd-cm": {f"{KEY}apps_Deployment": "d", f"{KEY}Service": "s", f"{KEY}a.b_C": " "}}, {})
    assert text_of(scripts, "apps", "Deployment") == "d"
    assert text_of(scripts, "", "Service") == "s"
    assert text_of(scripts, "serving.knative.dev", "Service") is None
    assert text_of(scripts, "a.b", "C") is None
    assert scripts.problems == ()


@pytest.mark.parametrize(("value", "open_libs"), [("true", True), ("True", True), ("false", False), ("", False)])
def test_more_libraries_are_had_by_a_key_of_their_own(value: str, open_libs: bool) -> None:
    script = scripts_of({"argocd-cm": {f"{KEY}a_B": "x", f"{OPEN}a_B": value}}, {}).of("a", "B")
    assert script is not None
    assert script.open_libs is open_libs


def test_our_own_config_map_wins_and_a_key_of_its_own_before_the_legacy_one() -> None:
    legacy = {"argocd-cm": {"a/B": {"health.lua": "legacy"}, "a/C": {"health.lua": "legacy"}}}
    maps = {"argocd-cm": {f"{KEY}a_B": "argocd", f"{KEY}a_D": "argocd"}, "pilothouse-cm": {f"{KEY}a_D": "ours"}}
    scripts = scripts_of(maps, legacy)
    assert [text_of(scripts, "a", kind) for kind in "BCDE"] == ["argocd", "legacy", "ours", None]


def test_of_several_wildcards_the_longest_counts_and_the_kind_itself_first() -> None:
    legacy = {
        "argocd-cm": {key: {"health.lua": key} for key in ("*", "*/*", "*.b.c/*", "*.a.b.c/*", "x.a.b.c/Y", "core*")}
    }
    scripts = scripts_of({}, legacy)
    assert text_of(scripts, "x.a.b.c", "Y") == "x.a.b.c/Y"
    assert text_of(scripts, "x.a.b.c", "Z") == "*.a.b.c/*"
    assert text_of(scripts, "z.b.c", "Z") == "*.b.c/*"
    assert text_of(scripts, "other", "Z") == "*/*"
    assert text_of(scripts, "", "Pod") == "*"


@pytest.mark.parametrize(
    ("maps", "legacy", "words"),
    [
        ({"argocd-cm": {f"{KEY}a_b_C": "x"}}, {}, "argocd-cm: resource.customizations.health.a_b_C must end with"),
        ({"pilothouse-cm": {f"{KEY}a_": "x"}}, {}, "pilothouse-cm: "),
        ({}, {"argocd-cm": {"a/B": "text"}}, "ConfigMap argocd-cm, resource.customizations.a/B must be a mapping"),
        ({}, {"argocd-cm": {"a/B": {"health.lua": ["x"]}}}, "health.lua must be text"),
        ({}, {"argocd-cm": {"a/B": {"health.lua": "x", "health.lua.useOpenLibs": "yes"}}}, "must be true or false"),
        ({}, {"argocd-cm": {"[": {"health.lua": "x"}}}, "[ is no pattern"),
    ],
)
def test_what_cannot_be_read_is_told_and_the_rest_holds(maps: dict, legacy: dict, words: str) -> None:  # type: ignore[type-arg]
    maps = {**maps, "argocd-cm": {**maps.get("argocd-cm", {}), f"{KEY}fine_Kind": "fine"}}
    scripts = scripts_of(maps, legacy)
    (problem,) = scripts.problems
    assert words in problem
    assert text_of(scripts, "fine", "Kind") == "fine"


def test_there_may_be_none_and_a_script_is_known_by_what_it_does() -> None:
    assert not scripts_of({}, {})
    one, two = (
        scripts_of({"argocd-cm": {f"{KEY}a_B": "x", f"{OPEN}a_B": value}}, {}).of("a", "B")
        for value in ("true", "false")
    )
    assert one is not None
    assert two is not None
    assert one.fingerprint != two.fingerprint
