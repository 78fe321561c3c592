"""Helm's own `--set` parser, to be called inside a renderer process: nothing else may load the library."""

import json
from typing import Any


def parsed(expressions: list[str]) -> list[Any]:
    """What Helm makes of each expression; None: it refuses."""
    from helm_python import HelmError, parse_set_string

    found: list[Any] = []
    for expression in expressions:
        try:
            found.append(json.dumps(parse_set_string(expression)))
        except HelmError:
            found.append(None)
    return found
