"""A kubeconfig as this process needs it: an address, a TLS context and headers. Nothing is asked of the cluster here.

Users that log in by a command or a provider are left to kubernetes_asyncio, which is loaded only for them.
"""

import base64
import binascii
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


class AccessError(Exception):
    """The kubeconfig does not say how to reach a cluster."""


@dataclass(frozen=True, slots=True)
class Access:
    """One context of a kubeconfig, ready for use."""

    context: str
    server: str
    """Address of the API server, without a slash at its end."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)


async def access_of(kubeconfig: Path) -> Access:
    """The current context of a kubeconfig. Raises AccessError."""
    try:
        context, cluster, user = _chosen(kubeconfig)
        if user.get("exec") or user.get("auth-provider"):
            return await _by_library(kubeconfig, context)
        server = str(cluster["server"]).rstrip("/")
        tls = _tls(cluster, user, kubeconfig.parent) if server.startswith("https") else None
        return Access(context, server, _headers(user, kubeconfig.parent), tls)
    except (OSError, yaml.YAMLError, LookupError, TypeError, binascii.Error, ssl.SSLError) as error:
        raise AccessError(f"{kubeconfig} cannot be used: {type(error).__name__}: {error}") from None


def _chosen(kubeconfig: Path) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """The current context's name, cluster and user."""
    content = yaml.safe_load(kubeconfig.read_text())
    context = content["current-context"]
    chosen = _named(content, "contexts", "context", context)
    cluster = _named(content, "clusters", "cluster", chosen["cluster"])
    return str(context), cluster, _named(content, "users", "user", chosen["user"])


def _named(content: Mapping[str, Any], kind: str, key: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(entry[key] for entry in content[kind] if entry["name"] == name) or {}
    return found


def _headers(user: Mapping[str, Any], folder: Path) -> dict[str, str]:
    token = (folder / user["tokenFile"]).read_text().strip() if user.get("tokenFile") else user.get("token")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority", folder)
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate, key = _pem(user, "client-certificate", folder), _pem(user, "client-key", folder)
    if certificate and key:
        # The ssl module takes a client's key from files only; ours are gone again at once, and only we can read them.
        with tempfile.TemporaryDirectory() as private:
            (Path(private) / "pair").touch(mode=0o600)
            (Path(private) / "pair").write_bytes(certificate + b"\n" + key)
            tls.load_cert_chain(Path(private) / "pair")
    return tls


def _pem(fields: Mapping[str, Any], name: str, folder: Path) -> bytes:
    """`<name>-data` in base64, which wins, or the content of the file `<name>`; empty if neither is given."""
    if fields.get(f"{name}-data"):
        return base64.b64decode(fields[f"{name}-data"])
    return (folder / fields[name]).read_bytes() if fields.get(name) else b""


async def _by_library(kubeconfig: Path, context: str) -> Access:
    from kubernetes_asyncio import client, config

    found = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=found)
    tls = ssl.create_default_context(cafile=found.ssl_ca_cert)
    if not found.verify_ssl:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if found.cert_file:
        tls.load_cert_chain(found.cert_file, found.key_file)
    bearer = str(await found.get_api_key_with_prefix("BearerToken") or "")
    return Access(context, str(found.host), {"Authorization": bearer} if bearer else {}, tls)
