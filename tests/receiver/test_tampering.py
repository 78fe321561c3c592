"""Whoever tampers with a delivery gets 401: body, proof, missing header, wrong scheme, another host's headers.

Azure DevOps, GitLab's secret token and the UUID of a hook prove who sends, not what: there a changed body is refused
only where it names a repository that the secret is not for.
"""

import time

import pytest

from receiver.delivery import HOSTS, Host, host_of, judge
from receiver.errors import DeliveryError, Forged
from receiver.push import Delivery, Ignored
from receiver.webhook_secrets import KEYS, WebhookSecret
from tests.receiver.apiserver import ApiServer
from tests.receiver.conftest import Start
from tests.receiver.recorded import CASES, IGNORED, changed, names_of, recorded, secret_of, send, sent_at, signs
from tests.valkey import Valkey


def status(delivery: Delivery, secret: bytes, host: Host | None = None) -> int:
    """The status it gets where only its own host has this secret, and all others have others of their own."""
    found = host_of(delivery)
    known = secret if host is None or host is found else b"another:one"
    try:
        return 200 if isinstance(judge(found, delivery, (WebhookSecret(known),)).told, Ignored) else 202
    except DeliveryError as error:
        return error.status


CLAIMS = ("authorization", "webhook-signature", "x-hub-signature-256", "x-hub-signature", "x-gitlab-token",
          "x-gitea-signature", "x-gogs-signature")  # fmt: skip
"""Headers with a signature, token or login."""
PROOFS = {
    "forgejo": "x_gitea_signature",
    "gitea": "x_gitea_signature",
    "gogs": "x_gogs_signature",
    "gitlab": "x_gitlab_token",
    "gitlab/push-signed": "webhook_signature",
    "github": "x_hub_signature_256",
    "bitbucket_cloud": "x_hub_signature",
    "bitbucket_cloud/push-uuid": "x_hook_uuid",
    "bitbucket_server": "x_hub_signature",
    "azure_devops": "authorization",
    "generic": "webhook_signature",
    "generic/push-hub": "x_hub_signature_256",
}
SENT = [f"{name}/push" if "/" not in name else name for name in PROOFS]


def proof_of(case: str) -> tuple[str, str]:
    """The header that proves who sent a delivery (with underscores), and its value."""
    name = PROOFS.get(case) or PROOFS[case.split("/")[0]]
    return name, recorded(case).header(name.replace("_", "-"))


@pytest.mark.parametrize("case", [case for case in CASES if signs(case)])
def test_one_changed_byte_of_a_signed_body_is_refused(case: str) -> None:
    delivery = recorded(case)
    middle = len(delivery.body) // 2
    other = delivery.body[:middle] + bytes([delivery.body[middle] ^ 1]) + delivery.body[middle + 1 :]
    assert status(changed(delivery, body=other), secret_of(case)) == 401


@pytest.mark.parametrize("case", [case for case in CASES if not signs(case) and case not in IGNORED])
def test_a_body_that_nobody_signs_can_at_least_not_name_a_repository_of_another_secret(case: str) -> None:
    delivery = recorded(case)
    own = WebhookSecret(secret_of(case), tuple(names_of(case)))
    assert judge(host_of(delivery), delivery, (own,)).repositories
    moved = changed(delivery, body=delivery.body.replace(b"deploy", b"other"))
    with pytest.raises(Forged):
        judge(host_of(moved), moved, (own,))


@pytest.mark.parametrize("case", SENT)
def test_a_changed_signature_or_token_is_refused(case: str) -> None:
    name, value = proof_of(case)
    for at in (len(value) // 2, -3):
        sign = "a" if value[at] != "a" else "b"
        other = value[:at] + sign + value[at:][1:]
        assert status(changed(recorded(case), **{name: other}), secret_of(case)) == 401
    assert status(changed(recorded(case), **{name: value[:-4]}), secret_of(case)) == 401
    assert status(changed(recorded(case), **{name: value + "00"}), secret_of(case)) == 401


@pytest.mark.parametrize("case", [case for case in SENT if case != "bitbucket_cloud/push-uuid"])
def test_without_the_header_that_proves_it_a_delivery_is_refused(case: str) -> None:
    found = host_of(recorded(case))
    bare = changed(recorded(case), **{name.replace("-", "_"): None for name in CLAIMS})
    with pytest.raises(DeliveryError) as refused:
        judge(found, bare, (WebhookSecret(secret_of(case)),))
    assert refused.value.status == 401


def test_a_hook_of_bitbucket_cloud_without_its_uuid_is_another_hosts_and_refused() -> None:
    assert status(changed(recorded("bitbucket_cloud/push-uuid"), x_hook_uuid=None), b"x") == 401


SCHEMES = {
    "x_hub_signature_256": ("sha1={}", "sha512={}", "{}", "SHA256={}", "sha256={},sha256={}"),
    "x_hub_signature": ("sha1={}", "sha512={}", "{}", "sha256=sha256={}"),
    "x_gitea_signature": ("sha256={}", "sha1={}"),
    "x_gogs_signature": ("sha256={}", "sha1={}"),
    "x_gitlab_token": ("Bearer {}", "sha256={}", '"{}"'),
    "webhook_signature": ("v1a,{}", "v2,{}", "{}", "v1={}", "sha256={}"),
    "x_hook_uuid": ("urn:uuid:{}", "Basic {}"),
    "authorization": ("Bearer {}", "Digest {}", "{}", "Basic:{}", "Basic Basic {}"),
}


@pytest.mark.parametrize("case", SENT)
def test_the_right_proof_in_another_scheme_is_refused(case: str) -> None:
    name, value = proof_of(case)
    plain = value.removeprefix("sha256=").removeprefix("v1,").removeprefix("Basic ")
    for scheme in SCHEMES[name]:
        assert status(changed(recorded(case), **{name: scheme.format(plain, plain)}), secret_of(case)) == 401


@pytest.mark.parametrize(
    ("case", "other"),
    [(case, host) for case in SENT for host in HOSTS if not case.startswith(f"{host.name}/")],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_delivery_under_another_hosts_headers_is_refused(case: str, other: Host) -> None:
    """With all of its own headers replaced, and with the other's added: what is recognised is asked for its own."""
    delivery, own = recorded(case), host_of(recorded(case))
    theirs = {name.replace("-", "_"): recorded(f"{other.name}/push").header(name) or "x" for name in other.known_by}
    without = {name.replace("-", "_"): None for name in delivery.headers if name in own.known_by}
    replaced = changed(changed(delivery, **without), **theirs)
    added = changed(delivery, **theirs)
    if host_of(replaced) is not own:
        assert status(replaced, secret_of(case), own) == 401
    if host_of(added) is not own:
        assert status(added, secret_of(case), own) == 401


def tampered(case: str, sent: Delivery) -> dict[str, Delivery]:
    """One delivery of each way to tamper with it."""
    name, value = proof_of(case)[0], sent.header(proof_of(case)[0].replace("_", "-"))
    other = "gitlab" if case.startswith("github") else "github"
    found = {
        "signature": changed(sent, **{name: value[:-4] + ("AAA=" if value.endswith("=") else "0000")}),
        "missing header": changed(sent, **{name: None}),
        "wrong scheme": changed(sent, **{name: SCHEMES[name][0].format(value.rpartition("=")[2], "")}),
        "other host's header": changed(sent, **{**dict.fromkeys(IDENTITIES), f"x_{other}_event": "push"}),
    }
    return {"body": changed(sent, body=sent.body.replace(b"deploy", b"deploi", 1)), **found} if signs(case) else found


IDENTITIES = tuple({name.replace("-", "_") for host in HOSTS for name in host.known_by if name.endswith("event")})


@pytest.mark.parametrize("case", SENT)
async def test_the_receiver_answers_401_to_each_of_them_and_202_to_the_real_one(
    case: str, start: Start, valkey: Valkey, api: ApiServer
) -> None:
    """Every host has a secret of its own: none opens another's door."""
    host = case.split("/")[0]
    places = KEYS[host][-1:] if case.endswith("uuid") else KEYS[host][:1]
    own = dict(zip(places[0], secret_of(case).decode().rsplit(":", len(places[0]) - 1), strict=True))
    others = {key: f"of {name}" for name, keys in KEYS.items() if name != host for key in keys[0]}
    api.secrets = {"pilothouse-secret": {**others, **own}}
    client = await start(valkey)
    sent = sent_at(recorded(case), time.time(), secret_of(case))
    assert (await send(client, sent))[0] == 202
    for how, delivery in tampered(case, sent).items():
        assert (how, (await send(client, delivery))[0]) == (how, 401)
