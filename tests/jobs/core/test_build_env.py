"""The build environment."""

import pytest

from jobs.core.build_env import BuildFacts, build_env, substituted

FACTS = BuildFacts(
    "web", "shop", "default", "0123456789" * 4, "charts/web", "https://git/x", "main", "v1.36.3", ("v1", "apps/v1")
)


def test_the_variables_are_argo_cds() -> None:
    env = build_env(FACTS)
    assert env["ARGOCD_APP_NAME"] == "web"
    assert env["ARGOCD_APP_NAMESPACE"] == "shop"
    assert env["ARGOCD_APP_REVISION_SHORT"] == "0123456"
    assert env["ARGOCD_APP_REVISION_SHORT_8"] == "01234567"
    assert env["KUBE_API_VERSIONS"] == "v1,apps/v1"
    assert len(env) == 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$A", "x"),
        ("${A}b", "xb"),
        ("$AB", ""),
        ("a$", "a$"),
        ("$$A", "$A"),
        ("$$$A", "$x"),
        ("${$}", "$"),
        ("${UNKNOWN}-$A", "-x"),
        ("$1", ""),
        ("p$A/q", "px/q"),
        ("é$Aé", "éxé"),
        ("100%", "100%"),
    ],
)
def test_substitution(text: str, expected: str) -> None:
    assert substituted(text, {"A": "x"}) == expected
