"""Cluster Secrets: what Argo CD writes is understood, and no Secret runs a command, reads a file or leaks a value."""

import base64
import json
from typing import Any

import pytest

from jobs.core.cluster_secret import HOME_CLUSTER, ClusterCredentials, cluster_of
from jobs.core.errors import InvalidSpecError
from jobs.core.scope import Scope

TOKEN = "hunter2-token"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def a_secret(config: Any = None, **data: str) -> dict[str, Any]:
    given = {"name": "prod", "server": "https://10.0.0.1:6443/", **data}
    given["config"] = config if isinstance(config, str) else json.dumps(config or {"bearerToken": TOKEN})
    return {"metadata": {"name": "cluster-prod"}, "data": {key: b64(value) for key, value in given.items()}}


def test_an_argo_cd_cluster_secret_is_understood():
    tls = {"serverName": "k8s.example.com", "caData": b64("CA"), "certData": b64("CERT"), "keyData": b64("KEY")}
    cluster = cluster_of(a_secret({"tlsClientConfig": tls, "proxyUrl": "http://proxy:3128"}, project="shop"))
    assert (cluster.name, cluster.project, cluster.scope, cluster.skipped) == ("prod", "shop", Scope(), False)
    assert cluster.names == {"prod", "https://10.0.0.1:6443"}
    assert cluster.credentials == ClusterCredentials(
        "https://10.0.0.1:6443",
        ca_pem="CA",
        cert_pem="CERT",
        key_pem="KEY",
        server_name="k8s.example.com",
        proxy_url="http://proxy:3128",
    )


def test_a_cluster_limited_to_namespaces_says_so():
    cluster = cluster_of(a_secret(namespaces="a, b"))
    assert cluster.scope == Scope(("a", "b"), cluster_resources=False)
    assert cluster_of(a_secret(namespaces="a", clusterResources="true")).scope.cluster_resources


def test_a_cluster_may_be_left_alone_for_a_while():
    secret = a_secret()
    for value, skipped in (("true", True), ("false", False)):
        secret["metadata"]["annotations"] = {"argocd.argoproj.io/skip-reconcile": value}
        assert cluster_of(secret).skipped is skipped


def test_the_home_cluster_answers_to_both_its_names():
    secret = a_secret({}, name="here", server="https://kubernetes.default.svc/")
    assert cluster_of(secret).names == {"here", "in-cluster", "https://kubernetes.default.svc"}
    assert HOME_CLUSTER.names == {"in-cluster", "https://kubernetes.default.svc"}


@pytest.mark.parametrize(
    "config", [{"execProviderConfig": {"command": "sh"}}, {"awsAuthConfig": {"clusterName": "x"}, "bearerToken": TOKEN}]
)
def test_a_secret_that_would_run_a_command_is_refused(config):
    with pytest.raises(InvalidSpecError, match=r"cluster Secret cluster-prod: config\.\w+ would run a command"):
        cluster_of(a_secret(config))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ('{"bearerToken": "hunter2-token"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([TOKEN], "JSON object"),
        ({"bearerToken": {"hunter2-token": 1}}, "bearerToken must be text"),
        ({"tlsClientConfig": TOKEN}, "tlsClientConfig"),
        ({"tlsClientConfig": {"caData": TOKEN}}, "caData"),
        ({"tlsClientConfig": {"certData": b64("CERT")}}, "needs its key"),
        ({"tlsClientConfig": {"insecure": True, "caData": b64("CA")}}, "exclude each other"),
        ({"bearerToken": TOKEN, "username": "me", "password": TOKEN}, "not both"),
        ({"bearerToken": f"{TOKEN}\r\nImpersonate-User: root"}, "line breaks"),
    ],
)
def test_a_broken_config_is_named_and_never_quoted(config, words):
    with pytest.raises(InvalidSpecError, match=words) as caught:
        cluster_of(a_secret(config))
    assert "cluster-prod" in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    "server",
    [
        "",
        "10.0.0.1:6443",
        "file:///etc/passwd",
        "https://",
        "https://user:hunter2@10.0.0.1",
        "https://10.0.0.1/?a=b",
        "https://10.0.0.1/#x",
        "https://10.0.0.1:port",
        "https://[::1",
    ],
)
def test_what_is_no_https_address_is_refused(server):
    with pytest.raises(InvalidSpecError, match="server") as caught:
        cluster_of(a_secret(server=server))
    assert "hunter2" not in caught.value.message


def test_credentials_do_not_cross_a_network_unencrypted():
    with pytest.raises(InvalidSpecError, match="https"):
        ClusterCredentials("http://10.0.0.1:8080", token=TOKEN)
    assert ClusterCredentials("http://127.0.0.1:8080", token=TOKEN)
    assert ClusterCredentials("http://10.0.0.1:8080")


def test_a_secret_with_bytes_that_are_no_text_is_refused():
    secret = a_secret()
    secret["data"]["config"] = base64.b64encode(b"\xff\xfe").decode()
    with pytest.raises(InvalidSpecError, match="config is not base64 of UTF-8"):
        cluster_of(secret)


def test_the_repr_shows_no_secret():
    shown = repr(cluster_of(a_secret({"username": "me", "password": TOKEN, "proxyUrl": "http://a:hunter2@proxy"})))
    assert "hunter2" not in shown
    assert "10.0.0.1" in shown
