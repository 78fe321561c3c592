"""Answers of renders that need not be done again, since nothing they read has changed. In memory, bounded in bytes."""

import zlib
from collections import OrderedDict

MAX_BYTES = 16 << 20
"""Compressed bytes kept: about 10,000 small applications. A drift sweep of unchanged sources then renders nothing."""


class AnswerCache:
    """The answers used last, by source key; compressed, since they are JSON full of repeated names."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """The answer kept under a key. An empty key has none."""
        packed = self._answers.get(key)
        if packed is None:
            return None
        self._answers.move_to_end(key)
        return zlib.decompress(packed)

    def put(self, key: str, answer: bytes) -> None:
        """Keep an answer, and drop the ones longest unused. Not kept: an empty key, more than a quarter of the room."""
        if not key or len(answer) > self._max_bytes:
            return
        packed = zlib.compress(answer, level=1)
        if len(packed) > self._max_bytes // 4:
            return
        self._bytes += len(packed) - len(self._answers.pop(key, b""))
        self._answers[key] = packed
        while self._bytes > self._max_bytes:
            _, dropped = self._answers.popitem(last=False)
            self._bytes -= len(dropped)
