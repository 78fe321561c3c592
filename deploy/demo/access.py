"""A kubeconfig as this process needs it: an address, a TLS context and headers. Nothing is asked of the cluster here.

Users that log in by a command or a provider are left to kubernetes_asyncio, which is loaded only for them.
"""

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = "folder of the file"
"""The entry under which a cluster or user keeps what its relative paths start from."""


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


async def access_of(kubeconfig: Path | str) -> Access:
    """The current context of a kubeconfig, or of several with colons between. Raises AccessError."""
    try:
        context, cluster, user = _chosen(str(kubeconfig))
        if user.get("exec") or user.get("auth-provider"):
            return await _by_library(str(kubeconfig), context)
        server = str(cluster["server"]).rstrip("/")
        tls = _tls(cluster, user) if server.startswith("https") else None
        return Access(context, server, _headers(user), tls)
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError, ValueError, ssl.SSLError) as error:
        raise AccessError(f"{kubeconfig} cannot be used: {type(error).__name__}: {error}") from None


def _chosen(kubeconfig: str) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """The current context's name, cluster and user; the first file to name a thing wins, as kubectl has it."""
    context = ""
    entries: dict[tuple[str, str], Mapping[str, Any]] = {}
    for path in map(Path, filter(None, kubeconfig.split(os.pathsep))):
        content = yaml.safe_load(path.read_text())
        context = context or str(content.get("current-context") or "")
        for kinds, kind in (("contexts", "context"), ("clusters", "cluster"), ("users", "user")):
            for entry in content.get(kinds) or ():
                entries.setdefault((kind, entry["name"]), {FOLDER: path.parent, **(entry.get(kind) or {})})
    chosen = entries["context", context]
    return context, entries["cluster", chosen["cluster"]], entries["user", chosen["user"]]


def _headers(user: Mapping[str, Any]) -> dict[str, str]:
    token = (user[FOLDER] / user["tokenFile"]).read_text().strip() if user.get("tokenFile") else user.get("token")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    return {}


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    authority = _pem(cluster, "certificate-authority")
    tls = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if certificate and key:
        # The ssl module takes a client's key from files only; ours are gone again at once, and only we can read them.
        with tempfile.TemporaryDirectory() as private:
            (Path(private) / "pair").touch(mode=0o600)
            (Path(private) / "pair").write_bytes(certificate + b"\n" + key)
            tls.load_cert_chain(Path(private) / "pair")
    return tls


def _pem(fields: Mapping[str, Any], name: str) -> bytes:
    """`<name>-data` in base64, which wins, or the content of the file `<name>`; empty if neither is given."""
    if fields.get(f"{name}-data"):
        return base64.b64decode(fields[f"{name}-data"])
    return (fields[FOLDER] / fields[name]).read_bytes() if fields.get(name) else b""


async def _by_library(kubeconfig: str, context: str) -> Access:
    from kubernetes_asyncio import client, config

    found = client.Configuration()
    await config.load_kube_config(config_file=kubeconfig, client_configuration=found)
    tls = ssl.create_default_context(cafile=found.ssl_ca_cert)
    if not found.verify_ssl:
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    if found.cert_file:
        tls.load_cert_chain(found.cert_file, found.key_file)
    bearer = str(await found.get_api_key_with_prefix("BearerToken") or "")
    return Access(context, str(found.host), {"Authorization": bearer} if bearer else {}, tls)
