"""Credentials on their way to Git, and that nothing of them stays."""

import asyncio
import shlex
import ssl
from pathlib import Path

import pytest
import trustme

from jobs.core.credentials import Credentials
from jobs.core.errors import FetchError
from jobs.fetch import Mirrors
from jobs.git_access import access
from jobs.settings import Settings
from tests.mirrors import hosted, mirrors_in, tls
from tests.repos import Repo

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"
SSH_URL = "git@host:shop/charts.git"


async def test_a_password_goes_by_a_header_for_this_host_alone(tmp_path: Path) -> None:
    async with access("https://host:8443/a/b.git", Credentials(username="bot", password="pw"), tmp_path) as env:
        assert env == {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.https://host:8443/.extraHeader",
            "GIT_CONFIG_VALUE_0": "Authorization: Basic Ym90OnB3",
        }
    assert list(tmp_path.iterdir()) == []


async def test_a_token_needs_no_user_name_and_a_bearer_token_goes_as_such(tmp_path: Path) -> None:
    async with access("https://host/a", Credentials(password="pw"), tmp_path) as env:
        assert env["GIT_CONFIG_VALUE_0"] == "Authorization: Basic Z2l0OnB3"
    async with access("https://host/a", Credentials(bearer_token="tok"), tmp_path) as env:
        assert env["GIT_CONFIG_VALUE_0"] == "Authorization: Bearer tok"


async def test_a_token_that_would_begin_another_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="control characters"):
        async with access("https://host/a", Credentials(bearer_token="tok\r\nHost: evil"), tmp_path):
            pass


async def test_without_credentials_git_gets_nothing(tmp_path: Path) -> None:
    async with access("https://host/a", Credentials(), tmp_path) as env:
        assert env == {}


async def test_proxy_and_trust_are_passed_on(tmp_path: Path) -> None:
    given = Credentials(proxy="http://proxy:1", no_proxy="localhost", insecure=True)
    async with access("https://host/a", given, tmp_path) as env:
        assert (env["GIT_CONFIG_KEY_0"], env["GIT_CONFIG_VALUE_0"]) == ("http.proxy", "http://proxy:1")
        assert (env["no_proxy"], env["GIT_SSL_NO_VERIFY"]) == ("localhost", "true")


async def test_certificates_lie_in_private_files_while_git_runs(tmp_path: Path) -> None:
    given = Credentials(ca="CA", client_cert="CERT", client_key="CLIENT KEY")
    async with access("https://host/a", given, tmp_path / "private") as env:
        files = [Path(env[name]) for name in ("GIT_SSL_CAINFO", "GIT_SSL_CERT", "GIT_SSL_KEY")]
        assert [file.read_text() for file in files] == ["CA", "CERT", "CLIENT KEY"]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        assert files[0].parent.stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "private").iterdir()) == []


async def test_an_ssh_key_lies_in_a_private_file_while_git_runs_and_hosts_must_be_known(tmp_path: Path) -> None:
    given = Credentials(ssh_private_key=KEY, known_hosts="host ssh-ed25519 AAAA")
    async with access(SSH_URL, given, tmp_path) as env:
        command = shlex.split(env["GIT_SSH_COMMAND"])
        key = Path(command[command.index("-i") + 1])
        assert key.read_text() == KEY + "\n"
        assert key.stat().st_mode & 0o777 == 0o600
        assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none"} <= set(
            command
        )
        known = next(part for part in command if part.startswith("UserKnownHostsFile="))
        assert Path(known.partition("=")[2]).read_text() == "host ssh-ed25519 AAAA\n"
    assert list(tmp_path.iterdir()) == []


async def test_without_a_key_none_of_the_workers_own_is_offered(tmp_path: Path) -> None:
    async with access(SSH_URL, Credentials(), tmp_path) as env:
        command = shlex.split(env["GIT_SSH_COMMAND"])
        assert command[command.index("-i") + 1] == "none"
        assert {"UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes"} <= set(command)


async def test_any_host_key_is_accepted_only_when_the_secret_says_so(tmp_path: Path) -> None:
    async with access(SSH_URL, Credentials(insecure_ignore_host_key=True, known_hosts="k"), tmp_path) as env:
        command = shlex.split(env["GIT_SSH_COMMAND"])
        assert {"UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no"} <= set(command)


async def test_a_folder_with_odd_signs_does_not_reach_the_shell(tmp_path: Path) -> None:
    folder = tmp_path / "a b; touch c"
    async with access(SSH_URL, Credentials(ssh_private_key=KEY), folder) as env:
        assert str(folder) in shlex.split(env["GIT_SSH_COMMAND"])[-1]


async def test_a_proxy_for_ssh_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="a proxy for SSH is not supported"):
        async with access(SSH_URL, Credentials(proxy="socks5://p"), tmp_path):
            pass


async def test_the_files_go_as_well_when_the_work_is_cancelled(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def work() -> None:
        async with access(SSH_URL, Credentials(ssh_private_key=KEY), tmp_path):
            entered.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await entered.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


async def test_a_host_with_a_certificate_of_its_own_ca_needs_that_ca(tmp_path: Path, ca: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    trusting = Credentials(ca=ca.cert_pem.bytes().decode())
    async with hosted(tmp_path) as host, tls(int(host.server.url.rpartition(":")[2]), context) as port:
        url = f"https://localhost:{port}/shop.git"
        with pytest.raises(FetchError, match="argocd-tls-certs-cm"):
            await (await host.mirrors.at(url)).refresh()
        for credentials in (trusting, Credentials(insecure=True)):
            mirrors = mirrors_in(tmp_path, credentials)
            assert (await (await mirrors.at(url)).refresh()).head == host.repo.head()
            await mirrors.close()


FAKE_SSH = """#!/bin/sh
# Stands for ssh: notes how it was called, then runs the last argument here, as sshd would there.
for argument; do printf '%s\\n' "$argument" >>"{log}"; last="$argument"; done
while [ $# -gt 1 ]; do [ "$1" = -i ] && cat "$2" >>"{log}"; shift; done
exec sh -c "$last"
"""


async def test_a_repository_is_fetched_by_ssh_with_the_key_of_its_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git, key file and command are real; ssh is a stand-in, since no SSH server can be expected here."""
    log, ssh = tmp_path / "log", tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(FAKE_SSH.format(log=log))
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ssh.parent}:/usr/bin:/bin")
    repo = Repo(tmp_path / "host")
    commit = repo.push({"a": "1"})

    async def given(_url: str, _project: str) -> Credentials:
        return Credentials(ssh_private_key=KEY, known_hosts="host k")

    mirrors = Mirrors(Settings(data_dir=tmp_path / "data", git_timeout_s=20), given)
    mirror = await mirrors.at(f"ssh://git@host:2222{repo.bare}")
    assert (await mirror.refresh()).head == commit
    noted = log.read_text().splitlines()
    assert {"git@host", "-p", "2222", "StrictHostKeyChecking=yes", *KEY.splitlines()} <= set(noted)
    assert not list((tmp_path / "data/git/private").rglob("*"))
    await mirrors.close()
