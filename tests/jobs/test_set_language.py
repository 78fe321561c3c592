"""Our `--set` parser against Helm's own, on many made-up expressions."""

import asyncio
import json
import random
from typing import Any

from jobs.core.helm_values import ValuesError, set_value
from jobs.render import Renderers
from jobs.settings import Settings
from tests.jobs.set_language import parsed

NAMES = [
    "a",
    "b",
    "a.b",
    "a.b.c",
    "a[0]",
    "a[1]",
    "a[0].b",
    "a[1][0]",
    "a.b[2].c",
    r"a\.b",
    "a[x]",
    "a.",
    "a[0",
    "[0]",
    "é",
]
SIGNS = ["{", "}", ",", "\\", "=", "1", "0", "-", "x", "true", "null", " ", "[", "]", ".", "ü", "00", "+7", "9" * 19]


def _ours(name: str, value: str) -> Any:
    values: dict[str, Any] = {}
    try:
        set_value(values, name, value)
    except ValuesError:
        return None
    return values


async def test_random_expressions_mean_what_helm_says() -> None:
    dice = random.Random(7)
    pairs = [(dice.choice(NAMES), "".join(dice.choices(SIGNS, k=dice.randint(0, 6)))) for _ in range(4000)]
    # Commas are escaped before Helm sees a parameter, so here they are only used inside lists.
    pairs = [
        (name, value) for name, value in pairs if "," not in value or (value.startswith("{") and value.endswith("}"))
    ]
    pool = Renderers(Settings(renderers=1))
    await pool.start()
    try:
        theirs = await pool.run(parsed, [f"{name}={value}" for name, value in pairs], timeout_s=60)
    finally:
        await asyncio.shield(pool.close())
    for (name, value), expected in zip(pairs, theirs, strict=True):
        ours = _ours(name, value)
        meant = None if expected is None else json.loads(expected)
        # What follows an open bracket is dropped by Helm in silence; here it is an error.
        dropped = ours is None and (meant == {} or "[" in value)
        assert ours == meant or dropped, f"{name}={value}"
