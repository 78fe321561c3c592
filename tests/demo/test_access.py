import base64
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from deploy.demo.access import AccessError, access_of


def a_kubeconfig(path: Path, *, cluster: dict[str, Any], user: dict[str, Any], context: str = "here") -> Path:
    content = {
        "current-context": context,
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yaml.safe_dump(content))
    return path


async def test_a_token_becomes_a_bearer(tmp_path: Path) -> None:
    access = await access_of(
        a_kubeconfig(tmp_path / "k", cluster={"server": "http://127.0.0.1:1/"}, user={"token": "t"})
    )
    assert (access.server, access.headers, access.tls) == (
        "http://127.0.0.1:1",
        {"Authorization": "Bearer t"},
        None,
    )


async def test_the_token_is_not_in_the_repr(tmp_path: Path) -> None:
    kubeconfig = a_kubeconfig(tmp_path / "k", cluster={"server": "http://x"}, user={"token": "planted"})
    assert "planted" not in repr(await access_of(kubeconfig))


async def test_a_client_certificate_and_a_relative_authority_are_read(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    pair = authority.issue_cert("ada")
    user = {
        "client-certificate-data": base64.b64encode(pair.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(pair.private_key_pem.bytes()).decode(),
    }
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority": "ca.pem"}
    access = await access_of(a_kubeconfig(tmp_path / "k", cluster=cluster, user=user))
    assert access.tls is not None
    assert access.tls.verify_mode == ssl.CERT_REQUIRED
    assert len(access.tls.get_ca_certs()) == 1


async def test_of_several_files_the_first_to_name_a_thing_wins(tmp_path: Path) -> None:
    first = a_kubeconfig(tmp_path / "1", cluster={"server": "http://first"}, user={})
    second = a_kubeconfig(tmp_path / "2", cluster={"server": "http://second"}, user={}, context="there")
    access = await access_of(f"{first}{os.pathsep}{second}")
    assert (access.context, access.server) == ("here", "http://first")


@pytest.mark.parametrize("text", ["", "a: [", "current-context: nowhere", "- 1"])
async def test_what_is_no_kubeconfig_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "spoilt").write_text(text)
    with pytest.raises(AccessError, match="spoilt cannot be used"):
        await access_of(tmp_path / "spoilt")
