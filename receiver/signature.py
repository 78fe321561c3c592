"""Checks of a secret against bytes, each in constant time. Nothing here knows a host or a header.

Everything is compared as bytes: `hmac.compare_digest` raises on text that is not ASCII, and the text is a stranger's.
"""

import hashlib
import hmac


def signed_sha256(body: bytes, secret: bytes, signature: str) -> bool:
    """Whether the signature is the hex HMAC-SHA256 of the body. An empty secret signs nothing."""
    if not secret:
        return False
    wanted = hmac.new(secret, body, hashlib.sha256).hexdigest().encode()
    return hmac.compare_digest(wanted, _bytes(signature.lower()))


def same_token(token: str, secret: bytes) -> bool:
    """Whether a token sent in the clear is the secret. Digests are compared, so that not even a length is told."""
    if not secret:
        return False
    return hmac.compare_digest(hashlib.sha256(_bytes(token)).digest(), hashlib.sha256(secret).digest())


def _bytes(text: str) -> bytes:
    """Header text as the bytes it came in (the HTTP parser keeps undecodable bytes as surrogates)."""
    return text.encode("utf-8", "surrogateescape")
