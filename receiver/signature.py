"""Checks of a secret against bytes, each in constant time. Nothing here knows a host or a header.

Everything is compared as bytes: `hmac.compare_digest` raises on text that is not ASCII, and the text is a stranger's.
"""

import base64
import hashlib
import hmac

_HUB = "sha256="


def signed_sha256(body: bytes, secret: bytes, signature: str) -> bool:
    """Whether the signature is the hex HMAC-SHA256 of the body. An empty secret signs nothing."""
    if not secret:
        return False
    digest = hmac.digest(secret, body, hashlib.sha256).hex().encode()
    return hmac.compare_digest(digest, _bytes(signature.lower()))


def signed_hub(body: bytes, secret: bytes, claimed: str) -> bool:
    """Whether the claim is `sha256=` and the hex HMAC-SHA256 of the body. `sha1=` proves nothing today."""
    return claimed.startswith(_HUB) and signed_sha256(body, secret, claimed.removeprefix(_HUB))


def same_token(token: str, secret: bytes) -> bool:
    """Whether a token sent in the clear is the secret. Digests are compared, so that not even a length is told."""
    if not secret:
        return False
    return hmac.compare_digest(hashlib.sha256(_bytes(token)).digest(), hashlib.sha256(secret).digest())


def same_login(authorization: str, login: bytes) -> bool:
    """Whether HTTP basic authentication carries this `user:password`; without a password there is no login.

    User and password are compared in one go: which of them was wrong is nobody's business.
    https://datatracker.ietf.org/doc/html/rfc7617#section-2
    """
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic" or not login.partition(b":")[2]:
        return False
    try:
        given = base64.b64decode(encoded.strip(), validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(login).digest())


def _bytes(text: str) -> bytes:
    """Header text as the bytes it came in (the HTTP parser keeps undecodable bytes as surrogates)."""
    return text.encode("utf-8", "surrogateescape")
