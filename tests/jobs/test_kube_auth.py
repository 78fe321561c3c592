"""Who we are at an API server: kubeconfigs, pods, certificates; and that nothing else is trusted."""

import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from aiohttp import web

from jobs import kube_auth, kube_http
from jobs.core.cluster_secret import ClusterCredentials
from jobs.core.errors import InvalidSpecError, Unauthorized, Unreachable
from jobs.kube import Kube
from jobs.kube_auth import TokenFile, login_of, tls_context
from jobs.kube_config import from_kubeconfig, in_cluster
from jobs.settings import Settings, SettingsError, read
from tests.jobs.wire import answering, response, serving, status


@pytest.fixture(autouse=True)
def no_retries(monkeypatch: pytest.MonkeyPatch):
    """Retries have their own tests; here they would only cost time."""
    monkeypatch.setattr(kube_http, "TRIES", 1)


async def test_a_token_that_is_no_longer_accepted_is_read_again_once(tmp_path: Path):
    (tmp_path / "token").write_text("old\n")
    denied = response(401, status(401, "Unauthorized"))

    async def script(asked, writer):
        (tmp_path / "token").write_text("new\n")
        writer.write(
            response(200, {"gitVersion": "v1.36.3"}) if asked.headers["authorization"] == "Bearer new" else denied
        )

    async with serving(script) as wire:
        kube = await Kube.connect(
            read(Settings, kubeconfig=str(a_kubeconfig(tmp_path, wire.url, {"tokenFile": "token"})))
        )
        assert await kube.version() == "v1.36.3"
        await kube.close()
    assert len(wire.asked) == 2


def a_kubeconfig(folder: Path, server: str, user: dict[str, Any], **cluster: Any) -> Path:
    path = folder / "kubeconfig"
    path.write_text(
        yaml.safe_dump(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return path


@pytest.fixture
async def tls_server(tmp_path: Path):
    """An https server that wants a client certificate, the authority of both, and a pair in tmp_path."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = authority.issue_cert("somebody@example.com")
    (tmp_path / "client.crt").write_bytes(b"".join(blob.bytes() for blob in ours.cert_chain_pems))
    (tmp_path / "client.key").write_bytes(ours.private_key_pem.bytes())
    (tmp_path / "ca.crt").write_bytes(authority.cert_pem.bytes())

    async def version(_request: web.Request) -> web.Response:
        return web.json_response({"gitVersion": "v1.36.3"})

    app = web.Application()
    app.router.add_get("/version", version)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def version_at(kube: Kube) -> str:
    try:
        return await kube.version()
    finally:
        await kube.close()


async def test_a_kubeconfigs_certificates_are_read_from_beside_it(tls_server: str, tmp_path: Path):
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    path = a_kubeconfig(tmp_path, tls_server, user, **{"certificate-authority": "ca.crt"})
    assert await version_at(await Kube.connect(read(Settings, kubeconfig=str(path)))) == "v1.36.3"


async def test_who_brings_a_token_of_his_own_is_never_taken_for_us(tls_server: str, tmp_path: Path):
    """A client certificate would be believed before the token: it must not even be offered."""
    user = {"client-certificate": "client.crt", "client-key": "client.key"}
    path = a_kubeconfig(tmp_path, tls_server, user, **{"certificate-authority": "ca.crt"})
    nobody = await Kube.nobody(read(Settings, kubeconfig=str(path)))
    with pytest.raises(Unreachable):  # the server insists on a certificate, and none comes
        await version_at(nobody.speaking("theirs"))


@pytest.mark.parametrize("user", [{"token": "ours"}, {"username": "us", "password": "ours"}])
async def test_a_borrowed_connection_carries_the_callers_token_and_nothing_of_ours(tmp_path: Path, user):
    async with serving(answering(response(200, {"gitVersion": "v1.36.3"}))) as wire:
        path = a_kubeconfig(tmp_path, wire.url, user)
        nobody = await Kube.nobody(read(Settings, kubeconfig=str(path)))
        for token in ("theirs", "another"):
            await nobody.speaking(token).request("GET", "/version")
        await nobody.request("GET", "/version")
        await nobody.close()
    assert [asked.headers.get("authorization") for asked in wire.asked] == ["Bearer theirs", "Bearer another", None]


async def test_a_callers_token_that_is_not_accepted_is_not_tried_again(tmp_path: Path):
    async with serving(answering(response(401, status(401, "Unauthorized")))) as wire:
        nobody = await Kube.nobody(read(Settings, kubeconfig=str(a_kubeconfig(tmp_path, wire.url, {"token": "ours"}))))
        with pytest.raises(Unauthorized):
            await nobody.speaking("theirs").request("GET", "/version")
        await nobody.close()
    assert len(wire.asked) == 1


async def test_certificates_held_in_memory_need_no_file(tls_server: str, tmp_path: Path):
    ca_pem, cert_pem, key_pem = ((tmp_path / name).read_text() for name in ("ca.crt", "client.crt", "client.key"))
    credentials = ClusterCredentials(tls_server, ca_pem=ca_pem, cert_pem=cert_pem, key_pem=key_pem)
    assert await version_at(Kube.at(credentials)) == "v1.36.3"
    assert await version_at(Kube.at(replace(credentials, ca_pem="", insecure=True))) == "v1.36.3"


async def test_a_server_of_another_authority_or_name_is_not_spoken_to(tls_server: str, tmp_path: Path):
    other = ClusterCredentials(tls_server, ca_pem=trustme.CA().cert_pem.bytes().decode())
    ours = replace(other, ca_pem=(tmp_path / "ca.crt").read_text())
    for credentials in (other, replace(ours, ca_pem=""), replace(ours, server_name="kubernetes.example.com")):
        with pytest.raises(Unreachable, match=r"[Cc]ertificate"):
            await version_at(Kube.at(credentials))


async def test_without_the_client_certificate_the_server_does_not_answer(tls_server: str, tmp_path: Path):
    with pytest.raises(Unreachable):
        await version_at(Kube.at(ClusterCredentials(tls_server, ca_pem=(tmp_path / "ca.crt").read_text())))


def test_certificates_that_are_none_are_named_but_not_quoted():
    for wrong in ({"ca_pem": "hunter2"}, {"cert_pem": "hunter2", "key_pem": "hunter2"}):
        with pytest.raises(InvalidSpecError, match="certificate") as caught:
            tls_context(ClusterCredentials("https://127.0.0.1", **wrong))
        assert "hunter2" not in str(caught.value)


async def test_a_pod_speaks_with_the_token_of_its_account(tmp_path: Path):
    (tmp_path / "ca.crt").write_bytes(trustme.CA().cert_pem.bytes())
    (tmp_path / "token").write_text("pod-token\n")
    home = in_cluster({"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}, tmp_path)
    assert home.credentials.server == "https://[fd00::1]:443"
    login, _ = await login_of(home)
    assert await login.header() == "Bearer pod-token"


async def test_a_token_file_is_read_again_after_a_minute_and_not_before(tmp_path: Path, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(kube_auth, "monotonic", lambda: clock[0])
    (tmp_path / "token").write_text("first")
    login = TokenFile(tmp_path / "token")
    seen = [await login.header()]
    (tmp_path / "token").write_text("second")
    for later in (59.0, 2.0):
        clock[0] += later
        seen.append(await login.header())
    assert seen == ["Bearer first", "Bearer first", "Bearer second"]


async def test_a_user_who_logs_in_by_a_command_gets_its_token(tmp_path: Path):
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "by-exec"},
    }
    (tmp_path / "login").write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(credential)}\nEND\n")
    (tmp_path / "login").chmod(0o755)
    command = {"apiVersion": credential["apiVersion"], "command": str(tmp_path / "login"), "interactiveMode": "Never"}
    async with serving(answering(response(200, {"gitVersion": "v1.36.3"}))) as wire:
        path = a_kubeconfig(tmp_path, wire.url, {"exec": command})
        assert await version_at(await Kube.connect(read(Settings, kubeconfig=str(path)))) == "v1.36.3"
    assert wire.asked[0].headers["authorization"] == "Bearer by-exec"


def test_of_several_kubeconfigs_the_first_to_name_a_thing_wins(tmp_path: Path):
    (tmp_path / "other").mkdir()
    first = a_kubeconfig(tmp_path, "https://first.example.com", {"token": "one"})
    second = a_kubeconfig(tmp_path / "other", "https://second.example.com", {"token": "two"})
    assert from_kubeconfig(f"{first}:{second}").credentials.server == "https://first.example.com"


@pytest.mark.parametrize(
    ("user", "words"),
    [({"as": "admin"}, "impersonation"), ({"client-certificate": "missing.crt"}, "client-certificate: No such file")],
)
async def test_a_kubeconfig_that_cannot_be_followed_is_refused_at_the_start(tmp_path: Path, user, words):
    path = a_kubeconfig(tmp_path, "https://127.0.0.1:1", user)
    with pytest.raises(SettingsError, match=words):
        await Kube.connect(read(Settings, kubeconfig=str(path)))


async def test_without_kubeconfig_and_pod_the_start_says_what_to_set(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(SettingsError, match="KUBECONFIG: not set"):
        await Kube.connect(read(Settings))
