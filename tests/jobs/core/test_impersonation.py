"""As whom an application is synced: the first entry that fits, and never somebody nobody named."""

from typing import Any

import pytest

from jobs.core.cluster_secret import HOME_CLUSTER, Cluster, ClusterCredentials
from jobs.core.errors import InvalidSpecError
from jobs.core.fields import Fields
from jobs.core.impersonation import account_of
from tests.builders import an_application

HERE = "https://kubernetes.default.svc"
EDGE = Cluster("edge", ClusterCredentials("https://10.0.0.1:6443"))


def an_entry(account: str = "deployer", server: str = "*", namespace: str = "*") -> dict[str, str]:
    return {"server": server, "namespace": namespace, "defaultServiceAccount": account}


def account(
    *entries: dict[str, str],
    cluster: Cluster = HOME_CLUSTER,
    options: dict[str, str] | None = None,
    enabled: bool = True,
    **over: Any,
) -> str:
    spec = Fields({"destinationServiceAccounts": [*entries]}, "AppProject shop: spec")
    return account_of(spec, an_application(**over), cluster, options or {}, enabled=enabled)


@pytest.mark.parametrize(
    ("entries", "found"),
    [
        ([an_entry()], "shop:deployer"),
        ([an_entry("till:deployer")], "till:deployer"),
        ([an_entry("one", HERE, "shop"), an_entry("two")], "shop:one"),
        ([an_entry("two"), an_entry("one", HERE, "shop")], "shop:two"),  # the first one, not the closest
        ([an_entry("one", HERE, "till-*"), an_entry("two", "https://kubernetes.*", "{shop,till}")], "shop:two"),
        ([an_entry("one", "https://10.*"), an_entry("a.dotted-name")], "shop:a.dotted-name"),
    ],
)
def test_the_first_entry_that_fits_says_as_whom(entries: list[dict[str, str]], found: str) -> None:
    assert account(*entries) == f"system:serviceaccount:{found}"


def test_the_cluster_is_meant_by_its_address_however_the_application_spells_it() -> None:
    by_name = {"destination": {"server": None, "name": "edge"}}
    assert account(an_entry("x", "https://10.0.0.1:6443"), cluster=EDGE, spec=by_name) == "system:serviceaccount:shop:x"


def test_without_a_namespace_the_account_is_one_of_the_applications() -> None:
    nowhere = {"destination": {"namespace": None}}
    assert account(an_entry(), spec=nowhere) == "system:serviceaccount:pilothouse:deployer"


def test_argo_cds_config_map_switches_it_on() -> None:
    options = {"application.sync.impersonation.enabled": "true"}
    assert account(an_entry(), options=options, enabled=False) == "system:serviceaccount:shop:deployer"


def test_while_it_is_off_nothing_is_synced_as_somebody_else_than_the_project_says() -> None:
    assert account(enabled=False) == ""
    with pytest.raises(InvalidSpecError, match=r"spec\.destinationServiceAccounts needs impersonation, which is off"):
        account(an_entry(), enabled=False)


def test_an_application_for_which_no_account_is_named_is_not_synced_unless_that_is_allowed() -> None:
    where = f"server {HERE} and namespace shop"
    said = f"AppProject shop: spec.destinationServiceAccounts names no service account for {where}"
    for entries in ([], [an_entry(namespace="till")]):
        with pytest.raises(InvalidSpecError) as caught:
            account(*entries)
        assert caught.value.message == said
        assert account(*entries, options={"application.sync.impersonation.enforced": "false"}) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        an_entry(""),
        an_entry("*"),
        an_entry("a/b"),
        an_entry("a:b:c"),
        an_entry("system:masters "),
        an_entry("deployer\r\nImpersonate-Group: system:masters"),
        an_entry("Deployer"),
        an_entry("x" * 400),
        an_entry(namespace="["),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidSpecError, match="destinationServiceAccounts"):
        account(wrong)


def test_the_destinations_namespace_adds_no_header() -> None:
    hostile = {"destination": {"namespace": "shop:x\r\nImpersonate-Group: system:masters"}}
    with pytest.raises(InvalidSpecError, match="must be names of Kubernetes"):
        account(an_entry(), spec=hostile)
