import base64
import hashlib
import hmac

import pytest

from receiver.signature import same_login, same_token, signed_hub, signed_sha256

BODY, SECRET = b'{"a": 1}', b"s3cret"
GOOD = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest()


def test_the_hmac_of_the_body_is_accepted_in_either_case() -> None:
    assert signed_sha256(BODY, SECRET, GOOD)
    assert signed_sha256(BODY, SECRET, GOOD.upper())


def test_another_body_secret_or_signature_is_refused() -> None:
    assert not signed_sha256(BODY + b" ", SECRET, GOOD)
    assert not signed_sha256(BODY, b"other", GOOD)
    assert not signed_sha256(BODY, SECRET, GOOD[:-1])
    assert not signed_sha256(BODY, SECRET, "")


def test_an_empty_secret_signs_nothing() -> None:
    assert not signed_sha256(BODY, b"", hmac.new(b"", BODY, hashlib.sha256).hexdigest())
    assert not same_token("", b"")


def test_a_signature_that_is_no_ascii_is_refused_not_an_error() -> None:
    assert not signed_sha256(BODY, SECRET, "ä" * 64)
    assert not signed_sha256(BODY, SECRET, "\udcff" * 64)


def test_a_token_must_be_the_whole_secret() -> None:
    assert same_token("s3cret", SECRET)
    assert not same_token("s3cre", SECRET)
    assert not same_token("s3cret ", SECRET)
    assert not same_token("\udcff", SECRET)


def test_a_hub_signature_must_say_that_it_is_sha_256() -> None:
    assert signed_hub(BODY, SECRET, f"sha256={GOOD}")
    for claim in (GOOD, f"sha1={GOOD}", f"SHA256={GOOD}", "sha256=", ""):
        assert not signed_hub(BODY, SECRET, claim)


def basic(login: bytes) -> str:
    return "Basic " + base64.b64encode(login).decode()


def test_a_login_is_user_and_password_together() -> None:
    assert same_login(basic(b"ci:p:w"), b"ci:p:w")
    assert same_login(basic(b":pw"), b":pw")
    assert same_login(basic("ü:ß".encode()).replace("Basic", "basic"), "ü:ß".encode())
    for login in (b"ci:p", b"ci:p:", b"ci", b"ci:", b":p:w", b""):
        assert not same_login(basic(login), b"ci:p:w")


@pytest.mark.parametrize("header", ["", "Basic", "Basic ", "Basic %", "Basic \udcff", "Basic ä", "Bearer Y2k6cHc="])
def test_a_login_of_a_wrong_shape_is_refused(header: str) -> None:
    assert not same_login(header, b"ci:pw")


@pytest.mark.parametrize("login", [b"", b"ci", b"ci:", b":"])
def test_a_user_without_a_password_is_no_login(login: bytes) -> None:
    assert not same_login(basic(login), login)
