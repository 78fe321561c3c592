"""When something that comes round again and again is due: each key at a moment of its own, the same on every worker."""

import hashlib

SHARES = 1 << 32


def due_between(key: str, interval_s: float, since_s: float, until_s: float) -> bool:
    """Whether the key's moment falls into (since, until], in seconds since 1970.

    The moments lie an interval apart, and those of many keys are spread evenly over it: nothing is asked all at once.
    A gap of an interval or more (a worker that was away) makes every key due, once.
    """
    if until_s <= since_s:
        return False
    offset = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / SHARES * interval_s
    return int((until_s - offset) // interval_s) > int((since_s - offset) // interval_s)
