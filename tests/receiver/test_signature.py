import hashlib
import hmac

from receiver.signature import same_token, signed_sha256

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
